"""Names that all clients compute too (MSC4195): they must match bit for bit."""

import base64
import hashlib
import json

LEGACY_SLOT = "m.call#ROOM"
"""The slot of every request to /sfu/get."""


def canonical_json(*texts: str) -> bytes:
    """Return an array of texts as Matrix canonical JSON (Appendices §Canonical JSON).

    Python's encoder escapes what that grammar escapes and nothing else: `"`, `\\` and U+0000 to U+001F, with
    the short form where there is one. `<`, `>`, `&`, U+007F and U+2028 stand as they are.
    """
    return json.dumps(texts, ensure_ascii=False, separators=(",", ":")).encode()


def digest(*texts: str) -> str:
    """Return the unpadded standard base64 of the SHA-256 of the texts as canonical JSON."""
    return base64.b64encode(hashlib.sha256(canonical_json(*texts)).digest()).rstrip(b"=").decode()


def room_name(room_id: str, slot_id: str) -> str:
    """Return the name of a LiveKit room."""
    return digest(room_id, slot_id)
