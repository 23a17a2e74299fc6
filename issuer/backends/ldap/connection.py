"""One connection to one server: opened, encrypted, bound, searched; every step has its time."""

import contextlib
import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ldap
from ldap.controls import ResponseControl
from ldap.controls.ppolicy import PasswordPolicyControl
from ldap.ldapobject import SimpleLDAPObject

from issuer.backends.ldap.refusals import REFUSING, BindRefusal, policy_refusal, refusal_of
from issuer.backends.ldap.settings import LdapSettings

UNDECODED = {PasswordPolicyControl.controlType: ResponseControl}
"""The control is in every answer, and mostly says nothing: decoding it takes as long as a search."""
PORTS = {"ldap": 389, "ldaps": 636}
NO_ATTRIBUTES = "1.1"
"""Asks for the name of an entry only (RFC 4511 §4.5.1.8)."""
HIDDEN = (ldap.NO_SUCH_OBJECT, ldap.INSUFFICIENT_ACCESS, ldap.REFERRAL)
"""Answers to a search that say something about what is searched, and nothing about the server."""
SUBTREE, THIS_ENTRY = ldap.SCOPE_SUBTREE, ldap.SCOPE_BASE
SYSTEM_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """An entry of the directory; names of attributes are found in whatever case they are written."""

    dn: str
    values: dict[str, list[bytes]]

    def raw(self, attribute: str) -> list[bytes]:
        """Return the values of an attribute as they came."""
        return self.values.get(attribute.lower(), [])

    def texts(self, attribute: str) -> list[str]:
        """Return the values that are text; others are left out."""
        return [text for value in self.raw(attribute) if (text := _text(value)) is not None]

    def is_whole(self, attribute: str) -> bool:
        """Tell whether every value came, and is text: a server may send a part (MS-ADTS §3.1.1.3.1.3.3)."""
        part = f"{attribute.lower()};range="
        texts = self.texts(attribute)
        return len(texts) == len(self.raw(attribute)) and not any(
            name.startswith(part) for name in self.values
        )

    def first(self, attribute: str) -> str | None:
        """Return the first value that is text, or None."""
        return next(iter(self.texts(attribute)), None)


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


class Connection:
    """Not for two threads at a time. Every method but `verify` raises `ldap.LDAPError` or OSError."""

    def __init__(self, url: str, settings: LdapSettings) -> None:
        self._settings = settings
        if url.startswith("ldaps:"):
            self._handle = self._prepared(SimpleLDAPObject(url))
        else:
            self._handle = self._prepared(SimpleLDAPObject(url, fileno=self._dial(url)))
            if settings.start_tls:
                self._handle.start_tls_s()

    def _dial(self, url: str) -> int:
        """Return a connected socket, which libldap closes. It must not block: libldap reads it bit by bit."""
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
        with contextlib.closing(
            socket.create_connection((parts.hostname or "", port), self._settings.connect_timeout)
        ) as dialled:
            dialled.setblocking(False)
            dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            dialled.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return dialled.detach()

    def _prepared(self, handle: SimpleLDAPObject) -> SimpleLDAPObject:
        """Set what libldap would otherwise take from the files and variables of this machine.

        `OPT_CONNECT_ASYNC` lets libldap wait for TLS with a deadline; without it, it runs in circles
        for as long as a server stays silent (libldap 2.5, `ldap_int_tls_start`).
        """
        handle.set_option(ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3)
        handle.set_option(ldap.OPT_REFERRALS, ldap.OPT_OFF)
        handle.set_option(ldap.OPT_DEREF, ldap.DEREF_NEVER)
        handle.set_option(ldap.OPT_NETWORK_TIMEOUT, self._settings.connect_timeout)
        handle.set_option(ldap.OPT_TIMEOUT, self._settings.operation_timeout)
        handle.set_option(ldap.OPT_CONNECT_ASYNC, ldap.OPT_ON)
        handle.set_option(ldap.OPT_X_TLS_CACERTFILE, str(self._settings.ca_file or system_authorities()))
        handle.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        handle.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        handle.timeout = self._settings.operation_timeout
        return handle

    def bind(self, dn: str, password: str) -> None:
        """Become an account that searches."""
        self._handle.simple_bind_s(dn, password)

    def verify(self, dn: str, password: str) -> BindRefusal | None:
        """Try a password that is not empty; return why it does not do, or None when it is right.

        An empty one would be no password but an anonymous sign-in, and succeed (RFC 4513 §5.1.2).

        Raises:
            ldap.LDAPError: the server cannot tell.
        """
        if not password:
            return BindRefusal.WRONG
        try:
            number = self._handle.simple_bind(dn, password, serverctrls=[PasswordPolicyControl()])
            answer = self._handle.result3(number, timeout=self._handle.timeout, resp_ctrl_classes=UNDECODED)
        except REFUSING as error:
            return refusal_of(error)
        controls = (control for control in answer[3] if control.controlType in UNDECODED)
        return next(
            (reason for control in controls if (reason := policy_refusal(control.encodedControlValue))), None
        )

    def search(
        self,
        base: str,
        text: str = "(objectClass=*)",
        attributes: Sequence[str] = (),
        scope: int = SUBTREE,
        limit: int = 0,
    ) -> Iterator[DirectoryEntry]:
        """Return what a search finds; references to other servers are left out."""
        found = self._handle.search_ext_s(
            base,
            scope,
            text,
            list(attributes) or [NO_ATTRIBUTES],
            timeout=self._settings.operation_timeout,
            sizelimit=limit,
        )
        return self._entries(found)

    def entry(self, dn: str, attributes: Sequence[str]) -> DirectoryEntry | None:
        """Return the entry with this name, or None when it cannot be seen."""
        try:
            return next(self.search(dn, attributes=attributes, scope=THIS_ENTRY), None)
        except HIDDEN:
            return None

    def any_one(self, base: str, text: str, attributes: Sequence[str] = ()) -> DirectoryEntry | None:
        """Return one of the entries that a search finds, or None when it finds none."""
        wanted = list(attributes) or [NO_ATTRIBUTES]
        number = self._handle.search_ext(
            base, SUBTREE, text, wanted, timeout=self._settings.operation_timeout
        )
        found = next(self._entries(self._handle.result(number, all=0)[1]), None)
        self._handle.abandon(number)
        return found

    @staticmethod
    def _entries(found: Iterable[tuple[str | None, Any]]) -> Iterator[DirectoryEntry]:
        for dn, values in found:
            if dn is not None:  # else it is a reference to another server
                yield DirectoryEntry(dn, {name.lower(): value for name, value in values.items()})

    def close(self) -> None:
        """Take leave of the server."""
        with contextlib.suppress(ldap.LDAPError):
            self._handle.unbind_s()


def system_authorities() -> Path:
    """Return the file with the certificate authorities that this machine trusts."""
    known = (ssl.get_default_verify_paths().cafile, *SYSTEM_AUTHORITIES)
    return next((Path(name) for name in known if name and Path(name).exists()), Path(SYSTEM_AUTHORITIES[0]))
