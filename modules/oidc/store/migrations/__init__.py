"""The migrations of the module."""
