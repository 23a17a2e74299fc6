"""People whom a single-sign-on proxy in front has signed in, and names in headers of every request.

The headers are believed only on connections from the proxy's own addresses. From anywhere else a request that
has them is refused, and so is one whose headers could mean two people.

Configuration sample:

    [backends.header]
    trusted_addresses = ["192.0.2.10"]
    user_header = "X-Remote-User"
    mail_header = "X-Remote-Mail"
    groups_header = "X-Remote-Groups"
"""

import base64
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import unquote_to_bytes

from flask import has_request_context, request
from pydantic import AfterValidator, Field

from issuer.backend import AmbientBackend, AmbientSettings, BackendServices
from issuer.errors import HeaderRefusedError
from issuer.identity import Attribute, Identity
from issuer.observability import audit
from issuer.runtime import REPEATED
from issuer.settings.types import Network, WebUrl
from issuer.store import SessionRow
from issuer.web.proxy import PEER, parse, within

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

NAME = re.compile(r"[A-Za-z0-9-]{1,100}")
STANDARD = {"authorization", "cookie", "forwarded", "host", "origin", "referer", "user-agent"}


def _header(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError('not a header that can be used: letters, digits and -, as in "X-Remote-User"')
    if name.lower() in STANDARD or name.lower().startswith(("x-forwarded-", "sec-", "content-", "accept")):
        raise ValueError("every browser or proxy sends this header itself: choose another")
    return name


Header = Annotated[str, AfterValidator(_header)]


class HeaderSettings(AmbientSettings):
    """People whom a single-sign-on proxy in front has signed in and names in headers."""

    trusted_addresses: list[Network] = Field(min_length=1)
    """Addresses of the proxy: connections from anywhere else must not have these headers."""
    user_header: Header
    """The header with the user name. The proxy must replace it in every request, and never append to it."""
    mail_header: Header | None = None
    """The header with the mail address: the attribute `mail`."""
    name_header: Header | None = None
    """The header with the name: the attribute `cn`."""
    groups_header: Header | None = None
    """The header with the groups."""
    groups_separator: str = Field(default=",", min_length=1, max_length=5)
    """What stands between two groups; spaces around it do not count."""
    encoding: Literal["plain", "percent", "base64", "base64url"] = "plain"
    """How the proxy writes values; `base64url` with or without padding. The text in them is UTF-8."""
    latin1: bool = False
    """Read a value that is no UTF-8 as Latin-1 instead of refusing the request."""
    logout_url: WebUrl | None = None
    """Where "Sign out" leads: the page of the proxy that signs out there."""


class HeaderBackend(AmbientBackend):
    """Reads who sends a request from its headers."""

    Settings = HeaderSettings
    settings: HeaderSettings

    def __init__(self, instance: str, settings: HeaderSettings, services: BackendServices) -> None:
        """Keep which headers there are, as the environment names them."""
        super().__init__(instance, settings, services)
        self._user = _key(settings.user_header)
        named = {"mail": settings.mail_header, "cn": settings.name_header, "groups": settings.groups_header}
        self._named = {name: _key(header) for name, header in named.items() if header}

    def identify(self, environ: "WSGIEnvironment") -> Identity | None:
        """Return whom the headers name; None when there are none, or the user name is empty.

        Raises:
            HeaderRefusedError: they come from elsewhere, or could mean two people.
        """
        keys = [key for key in (self._user, *self._named.values()) if key in environ]
        if not keys:
            return None
        peer = str(environ.get(PEER, ""))
        address = parse(peer)
        if address is None or not within(address, self.settings.trusted_addresses):
            raise self._refused(peer, "it comes from an address that is not in trusted_addresses")
        if environ.get(REPEATED, frozenset()) & {*keys}:
            raise self._refused(peer, "a header came twice: the proxy must replace it, not append to it")
        texts = {key: self._text(key, environ[key], peer) for key in keys}
        return self._identity(texts, peer) if texts.get(self._user) else None

    def _identity(self, texts: dict[str, str], peer: str) -> Identity:
        values = {name: texts[key] for name, key in self._named.items() if texts.get(key)}
        for text in (texts[self._user], values.get("mail", "")):
            if "," in text:
                raise self._refused(peer, "a user name or mail address has a comma: it may be two")
        groups = values.pop("groups", "").split(self.settings.groups_separator)
        attributes: dict[str, Attribute] = {**values}
        uid = texts[self._user]
        return Identity(
            self.instance, uid, uid, attributes, tuple(filter(None, (group.strip() for group in groups)))
        )

    def _text(self, key: str, value: str, peer: str) -> str:
        try:
            text = _text_of(_decoded(value, self.settings.encoding), self.settings.latin1).strip(" ")
        except ValueError:
            reason = f"{_name(key)} is no {self.settings.encoding} text in UTF-8"
            raise self._refused(peer, reason) from None
        if not text.isprintable():
            raise self._refused(peer, f"{_name(key)} has control characters")
        return text

    def _refused(self, peer: str, reason: str) -> HeaderRefusedError:
        audit.header_refused(self.instance, peer, reason)
        return HeaderRefusedError(f"backends.{self.instance}: {reason}")

    def refresh(self, identity: Identity) -> Identity:
        """Return the person as the request in hand names them, if it does."""
        said = self.identify(request.environ) if has_request_context() else None
        return said if said and said.subject == identity.subject else identity

    def sign_out(self, session: SessionRow) -> str | None:  # noqa: ARG002 - the same for everybody
        """Return the proxy's page."""
        return self.settings.logout_url

    def destinations(self) -> Iterable[str]:
        """Return where a sign-out leads."""
        return [self.settings.logout_url] if self.settings.logout_url else []


def _key(header: str) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}"


def _name(key: str) -> str:
    """Return a header's name as the log says it."""
    return key.removeprefix("HTTP_").replace("_", "-").title()


def _decoded(value: str, encoding: str) -> bytes:
    """Return the bytes that a header holds; PEP 3333 gives them as Latin-1."""
    raw = value.strip(" ").encode("latin-1")
    if encoding == "percent":
        return unquote_to_bytes(raw)
    if encoding == "base64":
        return base64.b64decode(raw, validate=True)
    if encoding == "base64url":
        return base64.b64decode(raw.rstrip(b"=") + b"=" * (-len(raw.rstrip(b"=")) % 4), b"-_", validate=True)
    return raw


def _text_of(content: bytes, latin1: bool) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        if not latin1:
            raise
    return content.decode("latin-1")
