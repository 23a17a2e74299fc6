"""What tells people of Active Directory apart: sixteen bytes there, a text here.

The first three numbers are in little-endian order (MS-DTYP §2.3.4.2), while the text begins with the most
significant digit (§2.3.4.3).
"""

import uuid

GUID_BYTES = 16


def guid_text(raw: bytes) -> str | None:
    """Return a GUID as Active Directory's own tools write it, in small letters; None when it is none."""
    return str(uuid.UUID(bytes_le=raw)) if len(raw) == GUID_BYTES else None


def guid_literal(text: str) -> str | None:
    """Return the bytes of a GUID as a value in a filter (RFC 4515 §3); None when the text is none."""
    try:
        raw = uuid.UUID(text).bytes_le
    except ValueError:
        return None
    return "".join(f"\\{byte:02x}" for byte in raw)
