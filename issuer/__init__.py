"""Token issuer gateway: the core. It knows no issuer module by name."""
