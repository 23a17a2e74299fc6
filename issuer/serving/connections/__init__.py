"""Connections: how many there may be, who has to go for one more, and TLS."""
