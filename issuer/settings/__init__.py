"""The configuration: typed sections, where every option is documented where it is declared."""
