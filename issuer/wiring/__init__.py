"""The composition root: from a configuration to an application."""
