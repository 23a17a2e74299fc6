"""The parts of the `issuer` command, one file per group of commands."""
