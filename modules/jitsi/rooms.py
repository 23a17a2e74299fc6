"""Names of conferences and tenants, which strangers choose.

Each has one normal form: percent-decoded once (by the parser of the query or the path, or `in_address_bar`),
put in Unicode NFKC, lower-cased. Rules, the issuance row and the claim come from it. The path of the redirect
keeps the capitals that people typed: Jitsi's client shows it as the title, and lower-cases it for itself. A
name of which Jitsi's client might make something else is refused.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import quote, unquote

# What Jitsi's client drops from a path (jitsi-meet, react/features/base/util/uri.ts, _ROOM_EXCLUDE_PATTERN).
DROPPED = frozenset(":?#[]@!$&'()*+,;=></\"")
# Names that are their own normal form but for capitals, and their own segment of a path: most are.
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,200}")
# RFC 7622 §3.3.1: the part of an address before the @ is at most 1,023 bytes.
LONGEST_LOCALPART = 1023
# RFC 1035 §2.3.4: Jitsi makes a tenant one label of a domain name.
LONGEST_LABEL = 63
# How many tenants stand in one another (`a/b/room`): Jitsi's client takes any path, people need a few.
MOST_LABELS = 8
# What Jitsi's `tokenAuthUrl` has for the room; a client that does not know it sends it as it is.
ROOM_PLACEHOLDER = "{room}"
SIGMA = "\N{GREEK CAPITAL LETTER SIGMA}"
BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
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
    """A conference: its normal form, its `room` claim, and its segment of the path, where capitals stay."""

    name: str
    claim: str
    segment: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant in its normal form, also its `sub` claim and its path: Jitsi knows no capitals there."""

    name: str


def normal_form(text: str) -> str:
    """Return the form that Jitsi's client gives to a decoded name, before it encodes it."""
    return unicodedata.normalize("NFKC", text).lower()


def parse_room(text: str | None) -> Room:
    """Read the name of a room; raise RoomError when Jitsi cannot have a conference of that name."""
    if text is None or text == ROOM_PLACEHOLDER:
        raise RoomError("missing")
    # Before NFKC, which takes quadratic time for many combining marks.
    if len(text) > LONGEST_LOCALPART:
        raise RoomError("too_long")
    if PLAIN.fullmatch(text):
        name = text.lower()
        return Room(name, name, text)
    typed = unicodedata.normalize("NFKC", text)
    name = typed.lower()
    if len(name) > LONGEST_LOCALPART:
        raise RoomError("too_long")
    _refuse_room(text, name)
    claim = quote(name, safe="").lower()
    if len(claim) > LONGEST_LOCALPART:
        raise RoomError("too_long")
    # How a capital sigma is lower-cased depends on its neighbours, and on whose Unicode it is.
    return Room(name, claim, quote(name if SIGMA in typed else typed, safe=""))


def in_address_bar(text: str) -> str:
    """Return the name of a room that stands there percent-encoded, as in the address bar; decoded once.

    Text that is no valid encoding stays as it is (jitsi-meet, base/util/uri.ts, `getBackendSafeRoomName`).
    """
    if BROKEN_ESCAPE.search(text):
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


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
    return _without_refused(typed[:LONGEST_LOCALPART]).strip()


def _without_refused(text: str) -> str:
    return "".join(char for char in text if _reason_against(char) is None)


def parse_tenant(text: str | None) -> Tenant | None:
    """Read the name of a tenant; None and an empty text mean that none is asked for.

    A tenant may stand in another: `a/b`. Jitsi makes a label of a domain name of it, and its dots become "_":
    then two names would open the same tenant, so only letters, digits, "-" and "_" are taken.
    """
    if not text:
        return None
    if len(text) > MOST_LABELS * (LONGEST_LABEL + 1):
        raise TenantError("too_long")
    name = normal_form(text)
    labels = name.split("/")
    if not all(re.fullmatch(r"[a-z0-9_-]+", label) for label in labels):
        raise TenantError("forbidden_character")
    if len(labels) > MOST_LABELS or max(map(len, labels)) > LONGEST_LABEL:
        raise TenantError("too_long")
    return Tenant(name)


def agreed_room(rooms: Iterable[Room]) -> Room:
    """Return the one room that was asked for, however often; two different ones are refused."""
    found = list(rooms)
    if not found:
        raise RoomError("missing")
    if any(room != found[0] for room in found[1:]):
        raise RoomError("disagree")
    return found[0]


def agreed_tenant(tenants: Iterable[Tenant | None]) -> Tenant | None:
    """Return the one tenant that was asked for, or None; two different ones are refused."""
    found = [tenant for tenant in tenants if tenant]
    if any(tenant != found[0] for tenant in found[1:]):
        raise TenantError("disagree")
    return found[0] if found else None
