"""The jobs of delegated leave, and which worker has which."""
