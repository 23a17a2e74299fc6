"""Where the browser goes with its token: the one configured server, whatever the names are."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlsplit

from modules.jitsi.rooms import Room, Tenant

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

Overrides = tuple[tuple[str, Json], ...]

Platform = Literal["ios", "android", "electron"]


TokenPlace = Literal["query", "fragment"]

SERVER_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?")


def clean_server_url(text: str) -> str:
    """Return the URL of a Jitsi server without its final slash; raise ValueError when it cannot be one."""
    if not SERVER_URL.fullmatch(text):
        raise ValueError("must be like https://meet.example.com, with nothing after the host but a path")
    parts = urlsplit(text)
    if parts.port == 0:
        raise ValueError("must have a port between 1 and 65535, or none")
    if {".", ".."} & set(parts.path.split("/")):
        raise ValueError("must not have . or .. in its path")
    return text.rstrip("/")


def meeting_url(
    server_url: str,
    room: Room,
    tenant: Tenant | None,
    token: str,
    *,
    token_in: TokenPlace = "query",  # noqa: S107 - a place, not a token
    overrides: Iterable[tuple[str, Json]] = (),
) -> str:
    """Return the address of a meeting, with the token in it."""
    parameters = override_parameters(overrides)
    query = ""
    if token_in == "fragment":  # noqa: S105 - a place, not a token
        parameters.insert(0, f"jwt={fragment_value(token)}")
    else:
        query = f"?jwt={quote(token, safe='')}"
    fragment = f"#{'&'.join(parameters)}" if parameters else ""
    return f"{meeting_page(server_url, room, tenant)}{query}{fragment}"


def meeting_page(server_url: str, room: Room, tenant: Tenant | None) -> str:
    """Return the address of a meeting without a token."""
    segments = [tenant.name, room.segment] if tenant else [room.segment]
    return "/".join([server_url.rstrip("/"), *segments])


@dataclass(frozen=True, slots=True)
class Apps:
    """How links open the apps: Jitsi's, or one's own."""

    scheme: str = "org.jitsi.meet"
    package: str = "org.jitsi.meet"
    desktop_scheme: str = "jitsi-meet"


JITSIS_APPS = Apps()


def app_link(platform: Platform, url: str, apps: Apps = JITSIS_APPS) -> str:
    """Return the link that opens the address of a meeting (`meeting_url`) in an app."""
    place = url.partition(":")[2]
    if platform == "ios":
        return f"{apps.scheme}:{place}"
    if platform == "electron":
        return f"{apps.desktop_scheme}:{place}"
    # Android splits such a link at its last "#", so a fragment of the address stays part of the address.
    return f"intent:{place}#Intent;scheme={apps.scheme};package={apps.package};end"


@dataclass(frozen=True, slots=True)
class JitsiState:
    """What we understand of a state. `roomSafe` is not among it: we compute it ourselves."""

    room: str | None = None
    tenant: str | None = None
    overrides: Overrides = ()
    ios: bool = False
    android: bool = False
    electron: bool = False
    has_secret: bool = field(default=False, compare=False, repr=False)
    """Whether there is a `refreshToken`, which is not kept."""

    @property
    def platform(self) -> Platform | None:
        """Return the app that asks, or None when it is a browser."""
        if self.ios:
            return "ios"
        if self.android:
            return "android"
        return "electron" if self.electron else None


NO_STATE = JitsiState()


def override_parameters(overrides: Iterable[tuple[str, Json]]) -> list[str]:
    """Return the overrides as parameters of a fragment, each value as JSON, as Jitsi's client reads them."""
    return [f"{name}={fragment_value(value)}" for name, value in overrides]


def fragment_value(value: Json) -> str:
    r"""Return a value as Jitsi's client reads it from a fragment (parseURLParams.ts).

    Before it parses the JSON it turns curly quotes into straight ones and `\&` into `&`: so neither curly
    quotes nor `&` may stand there as themselves.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return quote(text.replace("&", "\\u0026"), safe="")
