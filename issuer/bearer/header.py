"""The `Authorization` header."""

import re

CREDENTIALS = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
"""RFC 6750 §2.1, with the scheme in any case (RFC 9110 §11.1)."""


def bearer_token(header: str | None) -> str | None:
    """Return the token of a header: None without a header, "" when it holds no bearer token."""
    if header is None:
        return None
    found = CREDENTIALS.fullmatch(header)
    return found[1] if found else ""
