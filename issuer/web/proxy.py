"""Forwarded headers, believed only from configured reverse proxies.

One header is read, and the other dropped unread: a proxy that appends to one may pass on what a visitor wrote
into the other. What cannot be read counts as unknown, and nothing guesses: the address is then "".
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
ForwardedHeader = Literal["X-Forwarded-For", "Forwarded"]
KEYS: dict[ForwardedHeader, str] = {"X-Forwarded-For": "HTTP_X_FORWARDED_FOR", "Forwarded": "HTTP_FORWARDED"}
FORWARDED = (*KEYS.values(), "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")
PEER = "issuer.peer"
"""The key of the address that the connection comes from."""
UNKNOWN = ""
"""The address of a client that cannot be told."""
MOST_HOPS = 50
LONGEST_HEADER = 8192
LONGEST_NODE = 100
MOST_WARNINGS = 20
"""Peers about which a process warns: strangers can send such headers from everywhere."""

NODE = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5}|:_[A-Za-z0-9._-]{1,50})?", re.ASCII)
NODE4 = re.compile(r"([0-9.]{7,15})(?::[0-9]{1,5}|:_[A-Za-z0-9._-]{1,50})?", re.ASCII)
WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
PAIR = re.compile(rf'({WORD})=(?:({WORD})|"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t\x20-\x7e\x80-\xff])*+)")')
"""RFC 7239 §4, with `token` and `quoted-string` of RFC 9110 §5.6."""

_log = logging.getLogger(__name__)


def within(address: Address, networks: Iterable[Network]) -> bool:
    """Tell whether an address is in one of the networks."""
    return any(address in network for network in networks)


class ForwardedAddress:
    """Reads the client's address: the last one in the header that is no trusted proxy itself."""

    def __init__(self, trusted: Sequence[Network], header: ForwardedHeader) -> None:
        """Keep which proxies are believed, and the header that they write."""
        self._trusted = trusted
        self._header = header
        self._key = KEYS[header]
        self._hops = _hops if header == "X-Forwarded-For" else _forwarded_hops
        self._warned: set[tuple[str, str]] = set()

    def read(self, peer: str, environ: "WSGIEnvironment") -> str:
        """Return the client's address in its usual form; `UNKNOWN` when a trusted proxy does not tell.

        Args:
            peer: the address of the connection.
            environ: the request, which has a forwarded header.
        """
        address = parse(peer)
        if address is None:
            return UNKNOWN
        if not within(address, self._trusted):
            self._warn("no proxy", peer)
            return str(address)
        said = environ.get(self._key)
        if said is None:
            self._warn("other header", peer)
            return UNKNOWN
        found = self._client(said)
        if found is None:
            self._warn("no address", peer)
        return UNKNOWN if found is None else str(found)

    def _client(self, said: str) -> Address | None:
        address: Address | None = None
        for hop in self._hops(said):
            address = node(hop)
            if address is None or not within(address, self._trusted):
                return address
        return address

    def _warn(self, kind: str, peer: str) -> None:
        """Say once for each peer what is wrong and what to do; no text of a visitor is in it."""
        if (peer, kind) in self._warned or len(self._warned) >= MOST_WARNINGS:
            return
        self._warned.add((peer, kind))
        _log.warning("%s", WARNINGS[kind].format(peer=peer, header=self._header))


WARNINGS = {
    "no proxy": "{peer} sends a forwarded header, and is not in server.trusted_proxies. If it is your reverse"
    " proxy, name its address there: everybody has it now. If not, nothing is wrong",
    "other header": "the proxy {peer} sends no {header}, but another forwarded header: ip is unknown, and"
    " rules that ask for it say no. Name the header that the proxy writes in server.forwarded_header",
    "no address": "the proxy {peer} sends a {header} in which the client's address is missing or unreadable:"
    " ip is unknown, and rules that ask for it say no. The proxy must add the address that calls it",
}


def _hops(said: str) -> Iterator[str]:
    """Return the entries of `X-Forwarded-For`, the last one first."""
    yield from said.rsplit(",", MOST_HOPS)[::-1]


def _forwarded_hops(said: str) -> Iterator[str]:
    """Return the `for` of each element of `Forwarded` (RFC 7239 §5.2), the last one first; "" for none.

    A header that is not written as it must be has one hop that is no address: a visitor's open quotation mark
    would swallow what the proxy adds.
    """
    elements = _elements(said) if len(said) <= LONGEST_HEADER else None
    yield from [""] if elements is None or len(elements) > MOST_HOPS else elements[::-1]


def _elements(said: str) -> list[str] | None:
    found, element, position = [], "", 0
    while True:
        while said[position : position + 1] in {" ", "\t"}:
            position += 1
        pair = PAIR.match(said, position)
        if pair is None:
            return None
        if pair[1].lower() == "for":
            if element:
                return None
            element = pair[2] or re.sub(r"\\(.)", r"\1", pair[3] or "")
        position = pair.end()
        while said[position : position + 1] in {" ", "\t"}:
            position += 1
        separator = said[position : position + 1]
        if separator != ";":
            found.append(element)
            element = ""
        if not separator:
            return found
        if separator not in {";", ","}:
            return None
        position += 1


def node(text: str) -> Address | None:
    """Return the address of a hop, with or without port, brackets and quotation marks (RFC 7239 §6).

    None for what is none: `unknown`, `_hidden` and everything else.
    """
    text = text.strip(" \t")
    if len(text) > LONGEST_NODE:
        return None
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    found = NODE.fullmatch(text) or NODE4.fullmatch(text)
    if found:
        return parse(found[1])
    return None if "[" in text or "]" in text else parse(text)


@lru_cache(maxsize=4096)
def written(text: str) -> str:
    """Return an address in its usual form (RFC 5952); `UNKNOWN` for a text that is none."""
    address = parse(text)
    return UNKNOWN if address is None else str(address)


def parse(text: str) -> Address | None:
    """Return an address, IPv4-mapped ones as IPv4 (RFC 4291 §2.5.5.2); None when the text is none."""
    return _parse(text) if len(text) <= LONGEST_NODE else None


@lru_cache(maxsize=4096)
def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return address
    # A zone (RFC 4007 §11) is free text, and says nothing on another machine.
    return address.ipv4_mapped or IPv6Address(int(address))
