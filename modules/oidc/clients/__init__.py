"""Clients: applications that sign people in here. Who they are, and how they prove it."""
