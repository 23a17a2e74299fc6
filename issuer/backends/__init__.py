"""Login backends: ways to sign in, each a class declared in the entry-point group `issuer.backends`."""
