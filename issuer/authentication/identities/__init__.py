"""Whose identity counts, under which name, with which attributes and groups."""
