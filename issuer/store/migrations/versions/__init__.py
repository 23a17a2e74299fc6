"""The migrations of the core, each in one file, numbered."""
