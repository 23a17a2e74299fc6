"""Issuer modules: each turns an identity into tokens that another system trusts."""
