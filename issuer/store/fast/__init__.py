"""The short ways to the database."""
