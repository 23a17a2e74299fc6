"""The ways to sign in: a password, another server, the header of a proxy."""
