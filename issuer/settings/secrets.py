"""Weak shared secrets: too short for the algorithm, or printed in somebody's documentation."""

import re

from pydantic import SecretStr

SAMPLE = re.compile(
    r"change.?me|secret|super.?secret|s3cr3t|password|devkey|notused|jitsi|your-256-bit-secret"
    r"|(my|example)_(jitsi_)?app_secret",
    re.IGNORECASE,
)


def weakness(secret: SecretStr, least_bytes: int) -> str | None:
    """Return what is wrong with a secret, or None; `least_bytes` is what its algorithm asks for."""
    text = secret.get_secret_value()
    if SAMPLE.fullmatch(text) or len(set(text)) < 5:
        return "is a sample that everybody knows: make one with `openssl rand -hex 32`"
    length = len(text.encode())
    if length < least_bytes:
        return f"is too short: {length} bytes, and at least {least_bytes} are needed (`openssl rand -hex 32`)"
    return None
