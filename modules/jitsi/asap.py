"""How Jitsi's key server names keys."""

import hashlib


def pem_name(kid: str) -> str:
    """Return the name under which Prosody asks for the key: lower-case hex SHA-256 of `kid`, and `.pem`."""
    return f"{hashlib.sha256(kid.encode()).hexdigest()}.pem"
