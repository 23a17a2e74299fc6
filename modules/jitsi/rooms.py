"""Names of conferences and tenants, which strangers choose.

Each has one normal form: percent-decoded once (by the parser of the query or the path, never here), put in
Unicode NFKC, lower-cased. Rules, the issuance row, the claim and the path of the redirect all come from it. A
name of which Jitsi's client might make something else is refused.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

# What Jitsi's client drops from a path (jitsi-meet, react/features/base/util/uri.ts, _ROOM_EXCLUDE_PATTERN).
DROPPED = frozenset(":?#[]@!$&'()*+,;=></\"")
# Names that are their own normal form but for capitals, and their own segment of a path: most are.
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,200}")
# RFC 7622 §3.3.1: the part of an address before the @ is at most 1,023 bytes.
LONGEST_LOCALPART = 1023
# RFC 1035 §2.3.4: Jitsi makes a tenant one label of a domain name.
LONGEST_LABEL = 63
# Browsers know newer emoji than Python. Emoji have neither case nor decompositions, whatever comes here.
EMOJI = range(0x1F300, 0x1FB00)


class MeetingRequestError(ValueError):
    """What was asked for is refused; `reason` is a short code, and no word of the client's is repeated."""

    what: ClassVar[str] = "request"

    def __init__(self, reason: str) -> None:
        super().__init__(f"{self.what} refused: {reason}")
        self.reason = reason


class RoomError(MeetingRequestError):
    """The name of the room is refused.

    Reasons: missing, empty, dots, too_long, forbidden_character, control_character, broken_text,
    unknown_character, unstable, disagree.
    """

    what = "room"


class TenantError(MeetingRequestError):
    """The tenant is refused. Reasons: too_long, forbidden_character, disagree."""

    what = "tenant"


@dataclass(frozen=True, slots=True)
class Room:
    """A conference: its normal form, its `room` claim, and its segment of the path."""

    name: str
    claim: str
    segment: str


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant in its normal form, which is also its `sub` claim and its segment of the path."""

    name: str


def normal_form(text: str) -> str:
    """Return the form that Jitsi's client gives to a decoded name, before it encodes it."""
    return unicodedata.normalize("NFKC", text).lower()


def parse_room(text: str | None) -> Room:
    """Read the name of a room; raise RoomError when Jitsi cannot have a conference of that name."""
    if text is None:
        raise RoomError("missing")
    # Before NFKC, which takes quadratic time for many combining marks.
    if len(text) > LONGEST_LOCALPART:
        raise RoomError("too_long")
    if PLAIN.fullmatch(text):
        name = text.lower()
        return Room(name, name, name)
    name = normal_form(text)
    if len(name) > LONGEST_LOCALPART:
        raise RoomError("too_long")
    _refuse_room(text, name)
    segment = quote(name, safe="")
    if len(segment) > LONGEST_LOCALPART:
        raise RoomError("too_long")
    return Room(name, segment.lower(), segment)


def _refuse_room(text: str, name: str) -> None:
    """Raise RoomError for a name that no conference can have, or that would lead to another place."""
    if not name.strip():
        raise RoomError("empty")
    # NFKC can make a forbidden character (U+FF0A to "*") and hide one ("=" and U+0338 to U+2260).
    if reason := next(filter(None, map(_reason_against, text + name)), None):
        raise RoomError(reason)
    # WHATWG URL, "double-dot URL path segment": percent-encoding does not make these harmless.
    if name in {".", ".."}:
        raise RoomError("dots")
    # "H" with U+0331 has no capital letter of its own, "h" with U+0331 has a small one: the client, which
    # normalises again what it is given, would go somewhere else.
    if normal_form(name) != name:
        raise RoomError("unstable")


def _reason_against(char: str) -> str | None:
    """Return why this character may not be in the name of a room, or None."""
    if char in DROPPED:
        return "forbidden_character"
    category = unicodedata.category(char)
    if category in {"Cc", "Zl", "Zp"}:
        return "control_character"
    # encodeURIComponent fails on half a surrogate pair; U+FFFD stands for bytes that were no UTF-8.
    if category == "Cs" or char == "\ufffd":
        return "broken_text"
    # How a newer Unicode normalises what ours does not know yet, we cannot tell.
    if category == "Cn" and ord(char) not in EMOJI:
        return "unknown_character"
    return None


def clean_room(text: str) -> str:
    """Drop from what a person typed the characters that Jitsi's client drops, and others that cannot be."""
    typed = unicodedata.normalize("NFKC", _without_refused(text[:LONGEST_LOCALPART]))
    return _without_refused(typed).strip()


def _without_refused(text: str) -> str:
    return "".join(char for char in text if _reason_against(char) is None)


def parse_tenant(text: str | None) -> Tenant | None:
    """Read the name of a tenant; None and an empty text mean that none is asked for.

    Jitsi makes a label of a domain name of it, and its dots become "_": then two names would open the same
    tenant, so only letters, digits, "-" and "_" are taken.
    """
    if not text:
        return None
    if len(text) > LONGEST_LABEL:
        raise TenantError("too_long")
    name = normal_form(text)
    if not re.fullmatch(r"[a-z0-9_-]+", name):
        raise TenantError("forbidden_character")
    if len(name) > LONGEST_LABEL:
        raise TenantError("too_long")
    return Tenant(name)


def agreed_room(rooms: Iterable[Room]) -> Room:
    """Return the one room that was asked for, however often; two different ones are refused."""
    found = set(rooms)
    if not found:
        raise RoomError("missing")
    if len(found) > 1:
        raise RoomError("disagree")
    return found.pop()


def agreed_tenant(tenants: Iterable[Tenant | None]) -> Tenant | None:
    """Return the one tenant that was asked for, or None; two different ones are refused."""
    found = {tenant for tenant in tenants if tenant}
    if len(found) > 1:
        raise TenantError("disagree")
    return found.pop() if found else None
