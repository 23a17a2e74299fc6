"""What may be a key or a value of a row, whatever a stranger has typed."""

import hashlib


def digest(text: str) -> bytes:
    """Return the SHA-256 of a key that a stranger may have typed: of any length, with any character."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def storable(text: str) -> bool:
    """Tell whether a database can hold a text: PostgreSQL takes no NUL, and neither takes lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
