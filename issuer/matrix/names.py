"""Server names and user identifiers, as the appendices of the Matrix specification define them.

Server names come from strangers. What a resolver, a URL parser or `inet_aton` could read in another way than
this grammar is refused: fewer than four numbers, hexadecimal ones, digits and dots beyond ASCII, a final dot.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated

from pydantic import AfterValidator

LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
LITERAL = re.compile(r"[0-9A-Fa-f:.]{2,45}")
PORT = re.compile(r"[0-9]{1,5}")
LONGEST_HOST = 253
LONGEST_NAME = LONGEST_HOST + len(":65535")
LONGEST_USER_ID = 255
REMEMBERED = 1024
"""Names that were read and need not be read again; a text that is none is not remembered."""


class BadNameError(ValueError):
    """A text is no server name, or no user identifier. The message does not repeat it."""


@dataclass(frozen=True, slots=True)
class ServerName:
    """A homeserver's name (Matrix specification, Appendices §Server Name)."""

    text: str
    """The name as it was given; names are the same when this is."""
    host: str
    """Host name, IPv4 address, or IPv6 address without brackets."""
    port: int | None
    is_literal: bool
    """The host is an IP address."""

    @property
    def authority(self) -> str:
        """Return the host as a URL has it."""
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True, slots=True)
class UserId:
    """A user's identifier (Matrix specification, Appendices §User Identifiers)."""

    text: str
    localpart: str
    server: ServerName


@lru_cache(maxsize=REMEMBERED)
def parse_server_name(text: str) -> ServerName:
    """Read a server name.

    Raises:
        BadNameError: when it is none.
    """
    if len(text) > LONGEST_NAME:
        raise BadNameError("no host name")
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not _is_ipv6(host) or rest[:1] not in {"", ":"}:
            raise BadNameError("no IPv6 address")
        return ServerName(text, host, _port(rest), is_literal=True)
    host, colon, port = text.partition(":")
    if NUMBER.fullmatch(host.rpartition(".")[2]):
        return ServerName(text, _ipv4(host), _port(colon + port), is_literal=True)
    if len(host) > LONGEST_HOST or not all(LABEL.fullmatch(label) for label in host.split(".")):
        raise BadNameError("no host name")
    return ServerName(text, host, _port(colon + port), is_literal=False)


@lru_cache(maxsize=REMEMBERED)
def parse_user_id(text: str) -> UserId:
    """Read a user identifier; the server name begins after the first colon and may have a port.

    Raises:
        BadNameError: when it is none.
    """
    if len(text) > LONGEST_USER_ID:
        raise BadNameError(f"a user identifier of more than {LONGEST_USER_ID} bytes")
    localpart, colon, server = text[1:].partition(":")
    if not text.startswith("@") or not colon or "\0" in localpart:
        raise BadNameError("no user identifier")
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise BadNameError("a surrogate in a user identifier") from None
    if length > LONGEST_USER_ID:
        raise BadNameError(f"a user identifier of more than {LONGEST_USER_ID} bytes")
    return UserId(text, localpart, parse_server_name(server))


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return LITERAL.fullmatch(text) is not None


def _ipv4(text: str) -> str:
    try:
        if LITERAL.fullmatch(text):
            return str(IPv4Address(text))
    except ValueError:
        pass
    raise BadNameError("no IPv4 address")


def _port(text: str) -> int | None:
    if not text:
        return None
    if not PORT.fullmatch(text[1:]) or not 1 <= int(text[1:]) <= 65535:
        raise BadNameError("no port")
    return int(text[1:])


def server_name(text: str) -> str:
    """Return a server name; raise ValueError, with what to write, when it is none."""
    try:
        return parse_server_name(text).text
    except BadNameError:
        raise ValueError(f'"{text}" is not a server name: write it as "example.com"') from None


ServerNameOption = Annotated[str, AfterValidator(server_name)]
"""A homeserver's name, as in "example.com" or "localhost:8448"."""
