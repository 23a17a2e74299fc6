"""People as the directory has them: found by login, by user name, or by subject; made into identities."""

import logging
from collections.abc import Iterable
from dataclasses import replace

import ldap

from issuer.backends.ldap.connection import Connection, DirectoryEntry
from issuer.backends.ldap.groups import Groups, GroupsUnknownError
from issuer.backends.ldap.guids import guid_literal, guid_text
from issuer.backends.ldap.settings import LdapSettings
from issuer.backends.ldap.templates import LoginFilter, literal
from issuer.errors import UnavailableError
from issuer.identity import GROUPS, Attribute, Identity

_log = logging.getLogger(__name__)

OBJECT_GUID = "objectguid"


class Directory:
    """What is where in the directory."""

    def __init__(self, instance: str, settings: LdapSettings) -> None:
        self._instance = instance
        self._settings = settings
        self._login = LoginFilter(settings.user_filter)
        self._groups = Groups(settings)
        wanted = (settings.subject_attribute, settings.uid_attribute, *settings.read)
        self.attributes = list(dict.fromkeys((*wanted, *self._groups.attributes, *self._login.attributes)))
        """What is read of a person."""

    def by_login(self, login: str, connection: Connection) -> DirectoryEntry | None:
        """Return who has this login, in whatever letter case it is typed; None for nobody and for several."""
        entry = self._only(self._login.filter(login), connection)
        return entry if entry and self._login.names(login, entry.texts) else None

    def by_subject(self, subject: str, connection: Connection) -> DirectoryEntry | None:
        """Return the person with this subject, if they can still be found by some login."""
        text = f"({self._settings.subject_attribute}={self._subject_value(subject)})"
        return self._only(f"(&{text}{self._login.anybody})", connection)

    def at(self, dn: str, connection: Connection) -> DirectoryEntry:
        """Return the entry with this name.

        Raises:
            UnavailableError: it cannot be seen; that is no fault of the server.
            ldap.LDAPError: the server cannot tell.
        """
        entry = connection.entry(dn, self.attributes)
        if entry is None:
            raise UnavailableError(f"directory {self._instance}: {dn}: the person's own entry cannot be read")
        return entry

    def knows(self, uid: str, connection: Connection) -> bool:
        """Tell whether anybody has this user name."""
        text = f"({self._settings.uid_attribute}={literal(uid)})"
        return connection.any_one(self._settings.user_base, text) is not None

    def try_anybody(self, connection: Connection) -> None:
        """Make sure that somebody can be found, with what makes an identity.

        Raises:
            LookupError: nobody is, or they show too little; says what to do.
            ldap.LDAPError: the search fails.
        """
        wanted = (self._settings.subject_attribute, self._settings.uid_attribute)
        found = connection.any_one(self._settings.user_base, self._login.anybody, wanted)
        if found is None:
            who = self._login.anybody
            raise LookupError(f"nobody matches {who} below user_base: check both, and what bind_dn may read")
        for name in wanted:
            if not found.raw(name):
                raise LookupError(f"{found.dn} shows no {name}: let bind_dn read it, or check the option")

    def _only(self, text: str, connection: Connection) -> DirectoryEntry | None:
        try:
            found = list(connection.search(self._settings.user_base, text, self.attributes, limit=2))
        except ldap.SIZELIMIT_EXCEEDED:
            found = []
            _log.warning(
                "directory %s: more than one entry matches user_filter: nobody signs in", self._instance
            )
        if len(found) > 1:
            names = " and ".join(entry.dn for entry in found)
            _log.warning("directory %s: %s match user_filter: nobody signs in", self._instance, names)
        return found[0] if len(found) == 1 else None

    def _subject_value(self, subject: str) -> str:
        if self._settings.subject_attribute.lower() != OBJECT_GUID:
            return literal(subject)
        return guid_literal(subject) or literal(subject)

    def identity(self, entry: DirectoryEntry, connection: Connection) -> Identity:
        """Return who an entry is, with their groups.

        Raises:
            UnavailableError: the entry does not say who it is.
            ldap.LDAPError: the server cannot tell.
        """
        subject, uid = self._subject(entry), entry.first(self._settings.uid_attribute)
        if not subject or not uid:
            missing = self._settings.uid_attribute if subject else self._settings.subject_attribute
            raise UnavailableError(
                f"directory {self._instance}: {entry.dn} shows no {missing}: may it be read?"
            )
        identity = Identity(
            backend=self._instance,
            subject=subject,
            uid=uid,
            attributes=dict(_attributes(entry, self._settings.read)),
            unknown=tuple(name for name in self._settings.read if not entry.is_whole(name)),
        )
        try:
            return replace(identity, groups=self._groups.of(entry, uid, connection))
        except GroupsUnknownError as why:
            _log.warning("directory %s: groups of %s unknown: %s", self._instance, entry.dn, why)
            return replace(identity, unknown=(*identity.unknown, GROUPS))

    def _subject(self, entry: DirectoryEntry) -> str | None:
        attribute = self._settings.subject_attribute
        if attribute.lower() != OBJECT_GUID:
            return entry.first(attribute)
        return guid_text(next(iter(entry.raw(attribute)), b""))


def _attributes(entry: DirectoryEntry, names: Iterable[str]) -> Iterable[tuple[str, Attribute]]:
    for name in names:
        if entry.is_whole(name) and (texts := entry.texts(name)):
            yield name, texts[0] if len(texts) == 1 else texts
