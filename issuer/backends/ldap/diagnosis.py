"""What `issuer doctor` asks each server, step by step: the first that fails says the cause and the remedy.

TLS is tried with Python's own, because libldap does not say what it has against a certificate.
"""

import contextlib
import socket
import ssl
from urllib.parse import urlsplit

import ldap

from issuer.backends.ldap.connection import PORTS, THIS_ENTRY, Connection, system_authorities
from issuer.backends.ldap.directory import Directory
from issuer.backends.ldap.servers import Lane, cause_of
from issuer.backends.ldap.settings import LdapSettings

START_TLS = bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"
"""An extended request with the name of StartTLS (RFC 4511 §4.14.1), as message 1."""
SUCCESS = b"\x0a\x01\x00"
LARGEST_ANSWER = 4096


class DiagnosisError(Exception):
    """What is wrong, and what to do."""


class Diagnosis:
    """Examines one server."""

    def __init__(self, url: str, settings: LdapSettings, directory: Directory) -> None:
        self._url = url
        self._parts = urlsplit(url)
        self._settings = settings
        self._directory = directory

    def run(self) -> None:
        """Dial, encrypt, bind, and look for people and groups; raise `DiagnosisError` at the first fault."""
        with contextlib.closing(self._dialled()) as dialled:
            self._encrypt(dialled)
        lane = Lane(self._url, self._settings)
        try:
            connection = self._bound(lane)
            if self._settings.can_search:
                self._find(connection)
        finally:
            lane.close()

    def _dialled(self) -> socket.socket:
        port = self._parts.port or PORTS[self._parts.scheme]
        try:
            return socket.create_connection(
                (self._parts.hostname or "", port), self._settings.connect_timeout
            )
        except OSError as error:
            raise DiagnosisError(
                f"cannot be reached: {cause_of(error)}. Check its name, its port, firewalls, and that it runs"
            ) from None

    def _encrypt(self, dialled: socket.socket) -> None:
        if self._parts.scheme == "ldap":
            if not self._settings.start_tls:
                return
            dialled.sendall(START_TLS)
            if SUCCESS not in _answer(dialled):
                raise DiagnosisError("does not offer StartTLS: set it up there, or use ldaps://")
        authorities = self._settings.ca_file or system_authorities()
        try:
            context = ssl.create_default_context(cafile=str(authorities))
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13 sets it, libldap does not
            context.wrap_socket(dialled, server_hostname=self._parts.hostname).close()
        except ssl.SSLCertVerificationError as error:
            raise DiagnosisError(
                f"its certificate cannot be trusted: {error.verify_message}. Set ca_file to its authority "
                f"(now {authorities}), and name the server as the certificate does"
            ) from None
        except OSError as error:
            raise DiagnosisError(f"TLS fails: {cause_of(error)}. Is it an LDAP server with TLS?") from None

    def _bound(self, lane: Lane) -> Connection:
        try:
            return lane.searching
        except ldap.INVALID_CREDENTIALS:
            raise DiagnosisError(
                "refuses bind_dn with bind_password: check both, and whether it is locked"
            ) from None
        except (ldap.LDAPError, OSError) as error:
            raise DiagnosisError(f"bind_dn cannot bind: {cause_of(error)}") from None

    def _find(self, connection: Connection) -> None:
        bases = {"user_base": self._settings.user_base, "group_base": self._settings.group_base}
        for option, base in bases.items():
            if base:
                self._look_at(option, base, connection)
        try:
            self._directory.try_anybody(connection)
        except LookupError as error:
            raise DiagnosisError(str(error)) from None
        except ldap.LDAPError as error:
            raise DiagnosisError(f"cannot search with user_filter: {cause_of(error)}") from None

    def _look_at(self, option: str, base: str, connection: Connection) -> None:
        try:
            found = any(connection.search(base, scope=THIS_ENTRY))
        except ldap.NO_SUCH_OBJECT:
            found = False
        except ldap.LDAPError as error:
            raise DiagnosisError(f"{option} cannot be read: {cause_of(error)}") from None
        if not found:
            raise DiagnosisError(f"{option} cannot be seen: check it, and what bind_dn may read")


def _answer(dialled: socket.socket) -> bytes:
    try:
        return dialled.recv(LARGEST_ANSWER)
    except OSError as error:
        raise DiagnosisError(f"does not answer to StartTLS: {cause_of(error)}") from None
