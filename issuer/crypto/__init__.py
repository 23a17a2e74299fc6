"""Sealing and password hashes."""
