"""A token taken apart, and what is found in it."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
LONGEST_SEEN = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check: what was looked at, and in words what was seen."""

    ok: bool
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class TokenParts:
    """A token that is at least well-formed."""

    header: dict[str, Json]
    claims: dict[str, Json]
    signed: bytes
    signature: bytes


def fine(what: str, text: str) -> Finding:
    """Return the finding that something is as it must be."""
    return Finding(ok=True, what=what, text=text)


def fault(what: str, text: str) -> Finding:
    """Return the finding that something is not as it must be."""
    return Finding(ok=False, what=what, text=text)


def seen(value: Json) -> str:
    """Return a value from a token in ASCII and not too long, fit to be printed."""
    if value is None:
        return "missing or null"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value)
    return text if len(text) <= LONGEST_SEEN else f"{text[:LONGEST_SEEN]}…"


def split_token(token: str) -> TokenParts | Finding:
    """Take a token apart (RFC 7515 §3.1, compact form), or say what is wrong with it."""
    match = COMPACT.fullmatch(token)
    if not match:
        return fault("format", "not three base64url parts with dots between them")
    try:
        header, claims = (_object_of(match[part]) for part in (1, 2))
        signature = _decode(match[3])
    except (ValueError, RecursionError):
        return fault("format", "header or claims are not base64url-encoded JSON")
    if header is None or claims is None:
        return fault("format", "header and claims must be JSON objects")
    return TokenParts(header, claims, f"{match[1]}.{match[2]}".encode(), signature)


def texts(value: Json) -> Iterator[str]:
    """Yield every name and every string inside a value, however deep."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case list() as items:
                waiting.extend(items)
            case dict() as items:
                waiting.extend([*items, *items.values()])


def _object_of(part: str) -> dict[str, Json] | None:
    found: Json = json.loads(_decode(part).decode(), parse_constant=_no_number)
    if any(map(LONE_SURROGATE.search, texts(found))):
        raise ValueError("not a text")
    return found if isinstance(found, dict) else None


def _no_number(name: str) -> Json:
    """RFC 8259 §6: NaN and Infinity are not JSON, though Python reads them."""
    raise ValueError(name)


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
