"""Signs in people of a directory: who is it, is the password right, which groups are they in."""

from collections.abc import Iterable
from dataclasses import dataclass

from issuer.authentication.throttling import account_key
from issuer.backend import BackendServices, FormBackend
from issuer.backends.ldap.diagnosis import Diagnosis
from issuer.backends.ldap.directory import Directory
from issuer.backends.ldap.refusals import BindRefusal
from issuer.backends.ldap.servers import Lane, Servers
from issuer.backends.ldap.settings import LdapSettings
from issuer.backends.ldap.templates import person_dn, typed_name
from issuer.check import Check
from issuer.identity import Identity
from issuer.observability import audit

LONGEST_PASSWORD = 4096
"""Bytes; a longer one is nobody's."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a directory said to a login and a password."""

    identity: Identity | None = None
    refusal: BindRefusal = BindRefusal.WRONG
    user: str | None = None


class LdapBackend(FormBackend):
    """A directory, by search and bind (RFC 4513 §5.1.3: a name and a password)."""

    Settings = LdapSettings

    def __init__(self, instance: str, settings: LdapSettings, services: BackendServices) -> None:
        super().__init__(instance, settings, services)
        self._settings = settings
        self._directory = Directory(instance, settings)
        self._servers = Servers(instance, settings, services.clock)
        self._nobody = settings.nobody_dn or f"cn={services.randomness.bytes(12).hex()},{settings.user_base}"

    def authenticate(self, login: str, password: str) -> Identity | None:
        """Return who this is; a password is tried exactly once, for people who are unknown too."""
        name = typed_name(login)
        if name is None or not _usable(password):
            return None
        answer = self._servers.run(lambda lane: self._ask(lane, name, password))
        if answer.refusal is not BindRefusal.WRONG:
            account = self.services.log_name(account_key(login))
            audit.account_refused(self.instance, account, answer.user, answer.refusal.value)
        return answer.identity

    def _ask(self, lane: Lane, login: str, password: str) -> _Answer:
        if self._settings.user_dn:
            return self._by_template(lane, login, password)
        entry = self._directory.by_login(login, lane.searching)
        refusal = lane.verifying.verify(entry.dn if entry else self._nobody, password)
        if entry is None:
            return _Answer()
        user = entry.first(self._settings.uid_attribute) or entry.dn
        if refusal is not None:
            return _Answer(None, refusal, user)
        return _Answer(self._directory.identity(entry, lane.searching))

    def _by_template(self, lane: Lane, login: str, password: str) -> _Answer:
        """Let people read their own entry, where no other account can; else `user_filter` must find them."""
        dn = person_dn(self._settings.user_dn, login)
        refusal = lane.verifying.verify(dn, password)
        if refusal is not None:
            return _Answer(None, refusal)
        reader = lane.searching if self._settings.bind_dn else lane.verifying
        entry = self._directory.at(dn, reader)
        identity = self._directory.identity(entry, reader)
        if self._settings.can_search and not self._directory.by_subject(identity.subject, lane.searching):
            return _Answer()
        return _Answer(identity)

    def refresh(self, identity: Identity) -> Identity | None:
        """Read somebody again by subject; None when they are gone, or `user_filter` finds them no more.

        Where people sign in by `user_dn` and no account can search, what the sign-in showed goes on to count.
        """
        if not self._settings.can_search:
            return identity
        return self._servers.run(lambda lane: self._read_again(lane, identity.subject))

    def _read_again(self, lane: Lane, subject: str) -> Identity | None:
        entry = self._directory.by_subject(subject, lane.searching)
        return self._directory.identity(entry, lane.searching) if entry else None

    def knows(self, uid: str) -> bool:
        """Tell whether somebody has this user name in the directory."""
        name = typed_name(uid)
        if name is None or not self._settings.can_search:
            return False
        return self._servers.run(lambda lane: self._directory.knows(name, lane.searching))

    def warnings(self) -> Iterable[str]:
        """Return what is dangerous."""
        if any(url.startswith("ldap:") for url in self._settings.servers) and not self._settings.start_tls:
            yield "passwords go to the directory unencrypted: set start_tls = true, or use ldaps://"
        if not self._settings.can_search:
            yield "no account can search: whoever is removed from the directory keeps their session"

    def doctor(self) -> Iterable[Check]:
        """Return an examination of each server."""
        for url in self._settings.servers:
            yield Check(url, Diagnosis(url, self._settings, self._directory).run, offline=False)

    def stop(self) -> None:
        """Close the connections that nobody uses."""
        self._servers.close()


def _usable(password: str) -> bool:
    """Tell whether a password may be sent: an empty one would sign in anonymously, and after a NUL
    some servers read no further.
    """
    try:
        return 0 < len(password.encode()) <= LONGEST_PASSWORD and "\0" not in password
    except UnicodeEncodeError:
        return False
