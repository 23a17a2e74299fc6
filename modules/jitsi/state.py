"""The `state` that Jitsi's client adds to a request: a JSON text, and as untrusted as all the rest."""

import json
import re
from urllib.parse import quote, unquote_plus

from modules.jitsi.redirect import JitsiState, Json, Overrides, override_parameters
from modules.jitsi.rooms import MeetingRequestError

LONGEST_STATE = 8192
# The fragment is part of our answer's header, for which proxies have a few kilobytes.
LONGEST_FRAGMENT = 4096
DEEPEST = 8
# Jitsi's client reads names from the fragment as they stand, without decoding them.
OVERRIDE_NAME = re.compile(r"(config|interfaceConfig|iceServers)\.[A-Za-z0-9_.-]{1,128}")
# What `tokenAuthUrl` has for it; a client that is too old to know it sends it as it is.
STATE_PLACEHOLDER = "{state}"
OVERRIDE_PREFIXES = ("config.", "interfaceConfig.", "iceServers.")


class StateError(MeetingRequestError):
    """The state is refused. Reasons: too_long, not_json, too_deep, wrong_type, override_name, repeated."""

    what = "state"


def parse_state(text: str) -> JitsiState:
    """Read a state; keys that we do not know are left alone, for Jitsi adds some now and then."""
    if text == STATE_PLACEHOLDER:
        return JitsiState()
    if len(text) > LONGEST_STATE:
        raise StateError("too_long")
    found = _object_of(text)
    overrides = tuple((key, value) for key, value in found.items() if key.startswith(OVERRIDE_PREFIXES))
    _refuse_overrides(overrides)
    return JitsiState(
        room=_text_of(found, "room"),
        tenant=_text_of(found, "tenant"),
        overrides=overrides,
        ios=_flag_of(found, "ios"),
        android=_flag_of(found, "android"),
        electron=_flag_of(found, "electron"),
        has_secret=bool(found.get("refreshToken")),
    )


def without_refresh_token(query: str) -> str:
    """Return a query, as it was sent, with no refresh token in its state: it is a secret of Jitsi's page."""
    pieces = []
    for piece in query.split("&"):
        name, mark, value = piece.partition("=")
        if unquote_plus(name) == "state":
            found = _object_of(unquote_plus(value))
            value = quote(json.dumps({key: found[key] for key in found if key != "refreshToken"}), safe="")
        pieces.append(f"{name}{mark}{value}")
    return "&".join(pieces)


def _object_of(text: str) -> dict[str, Json]:
    try:
        found = json.loads(text, object_pairs_hook=_unrepeated, parse_constant=_no_number)
    except RecursionError:
        raise StateError("too_deep") from None
    except StateError:
        raise
    except ValueError:
        raise StateError("not_json") from None
    if not isinstance(found, dict):
        raise StateError("wrong_type")
    return found


def _unrepeated(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """RFC 8259 §4: what a name means that stands there twice, nobody can say."""
    if len(dict(pairs)) < len(pairs):
        raise StateError("repeated")
    return dict(pairs)


def _no_number(_name: str) -> Json:
    """RFC 8259 §6: NaN and Infinity are not JSON, though Python reads them."""
    raise StateError("not_json")


def _refuse_overrides(overrides: Overrides) -> None:
    for name, value in overrides:
        if not OVERRIDE_NAME.fullmatch(name):
            raise StateError("override_name")
        _refuse_depth(value)
    try:
        rendered = override_parameters(overrides)
    except ValueError:  # a number such as 1e999, which Python reads as infinite
        raise StateError("not_json") from None
    if len("&".join(rendered)) > LONGEST_FRAGMENT:
        raise StateError("too_long")


def _refuse_depth(value: Json, depth: int = 1) -> None:
    if depth > DEEPEST:
        raise StateError("too_deep")
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refuse_depth(child, depth + 1)


def _text_of(found: dict[str, Json], name: str) -> str | None:
    value = found.get(name)
    if value is not None and not isinstance(value, str):
        raise StateError("wrong_type")
    return value


def _flag_of(found: dict[str, Json], name: str) -> bool:
    value = found.get(name)
    if value is not None and not isinstance(value, bool):
        raise StateError("wrong_type")
    return value is True
