"""What Jitsi's plugins would make of a token's `context`: some of its mistakes hang or break a conference."""

import re
from collections.abc import Iterator

from issuer.jitsi.features import unknown_feature
from issuer.jitsi.verdict_parts import Finding, Json, fault, fine, seen, texts
from issuer.jitsi.xmltext import forbidden_in_xml

# Names that can be names in XML without surprises.
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# One thing of a pattern: a balanced match, a frontier, a class of one letter, a set (its first character may
# be "]"), or any character but "[" and "%".
ITEM = re.compile(r"%b..|%f(?=\[)|%[^bf]|\[\^?+(?:%.|[^%])(?:%.|[^\]%])*\]|[^\[%]", re.DOTALL)


def judge_context(claims: dict[str, Json]) -> list[Finding]:
    """Return a finding for each mistake in `context`, or one that all is well."""
    if "context" not in claims:
        return [fine("context", "absent")]
    context = claims["context"]
    if not isinstance(context, dict):
        return [fault("context", f"it is {seen(context)}; it must be an object, or absent")]
    mistakes = [
        *_wrong_kinds(context),
        *_wrong_user(context.get("user")),
        *_wrong_features(context.get("features")),
        *_wrong_text(context),
    ]
    return [fault("context", text) for text in mistakes] or [fine("context", "as Jitsi's plugins take it")]


def reads_room_as_pattern(claims: dict[str, Json]) -> bool:
    """Tell whether `context.room.regex` makes the `room` claim a Lua pattern."""
    context = claims.get("context")
    room = context.get("room") if isinstance(context, dict) else None
    return isinstance(room, dict) and room.get("regex") is True


def wrong_pattern(pattern: str) -> str | None:
    """Return why a text is no Lua pattern (Lua 5.4 Reference Manual §6.4.1), None when it may be one.

    One that cannot be raises an error in the plugin when somebody comes.
    """
    rest, open_captures = pattern, 0
    while rest:
        match = ITEM.match(rest)
        if match is None:
            return f"a mistake at {seen(rest[:20])}"
        open_captures += {"(": 1, ")": -1}.get(match[0], 0)
        if open_captures < 0:
            return '")" without "("'
        rest = rest[match.end() :]
    return '"(" without ")"' if open_captures else None


def _wrong_kinds(context: dict[str, Json]) -> Iterator[str]:
    for name in ("room", "user", "features"):
        if name in context and not isinstance(context[name], dict):
            yield f"{name} is {seen(context[name])}; it must be an object, or absent"
    for name in ("group", "tenant"):
        if name in context and not isinstance(context[name], str):
            yield f"{name} is {seen(context[name])}; it must be a string, or absent"


def _wrong_user(user: Json) -> Iterator[str]:
    """Yield what the presence plugin, which copies all of `user` into XML, cannot take."""
    for name, value in user.items() if isinstance(user, dict) else ():
        if not PLAIN_NAME.fullmatch(name):
            yield f"user has the name {seen(name)}; spaces, colons and the like break XML"
        if not isinstance(value, str | bool):
            yield f"user.{seen(name)} is {seen(value)}; it must be a string, true or false"


def _wrong_features(features: Json) -> Iterator[str]:
    """Yield what is in `features` and allows nothing."""
    for name, value in features.items() if isinstance(features, dict) else ():
        if text := unknown_feature(name):
            yield f"features has {seen(name)}: {text}"
        elif not isinstance(value, bool) and value not in ("true", "false"):
            yield f"features.{name} is {seen(value)}; only true and false count, as such or as text"


def _wrong_text(context: dict[str, Json]) -> Iterator[str]:
    for text in texts(context):
        if forbidden_in_xml(text):
            yield f"{seen(text)} has a character that XML forbids, which breaks the conference for everybody"
