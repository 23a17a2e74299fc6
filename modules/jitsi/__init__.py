"""The Jitsi module: a browser comes with a room, and goes back with a token that Jitsi accepts."""
