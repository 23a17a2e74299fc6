"""The groups of a person: named in their entry or searched for, with those that these are in."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import ldap
import ldap.dn

from issuer.backends.ldap.connection import Connection, DirectoryEntry
from issuer.backends.ldap.settings import LdapSettings
from issuer.backends.ldap.templates import any_of, groups_filter, in_chain_filter

MOST = 1000
"""Groups of one person; of whoever has more they are unknown, for rules would see only some of them."""
BATCH = 50
"""Groups whose own groups are searched for at once."""

LIMITS = (ldap.SIZELIMIT_EXCEEDED, ldap.ADMINLIMIT_EXCEEDED)
"""Answers to a search that finds too much."""
MEMBER_OF = "memberOf"


class GroupsUnknownError(Exception):
    """The directory cannot tell all groups of somebody; the message says why."""


class Groups:
    """Finds the groups of people."""

    def __init__(self, settings: LdapSettings) -> None:
        self._by = settings.groups_by
        self._nested = settings.nested_groups
        self._name = settings.group_name
        self._filter = settings.group_filter
        self._base = settings.group_base or settings.user_base
        self.attributes = [MEMBER_OF] if self._by == "memberOf" else []
        """What must be read with the person's entry."""

    def of(self, person: DirectoryEntry, uid: str, connection: Connection) -> tuple[str, ...]:
        """Return the names of a person's groups, the nearest first, each once.

        Raises:
            GroupsUnknownError: they are more than `MOST`, or than the server lists, or one cannot be read.
            ldap.LDAPError: the server cannot tell.
        """
        if self._by == "memberOf":
            found = self._named(_whole(person, MEMBER_OF), connection)
        elif self._by == "search":
            found = self._searched(person, uid, connection)
        elif self._by == "in_chain":
            found = self._search(in_chain_filter(person.dn), connection)
        else:
            found = iter(())
        return tuple(dict.fromkeys(_few(found)))

    def _search(self, text: str, connection: Connection) -> Iterator[str | None]:
        for entry in self._listed(text, connection):
            yield self._name_of(entry)

    def _name_of(self, group: DirectoryEntry) -> str | None:
        return next(iter(_whole(group, self._name)), None)

    def _listed(self, text: str, connection: Connection) -> Iterator[DirectoryEntry]:
        """Search for groups; that somebody is in very many is no fault of the server."""
        try:
            return connection.search(self._base, text, [self._name])
        except LIMITS:
            raise GroupsUnknownError("they are more groups than the server lists") from None

    def _named(self, dns: Sequence[str], connection: Connection) -> Iterator[str | None]:
        """Walk from group to group by what their entries say; each is read once, so circles end."""
        waiting, seen = deque(dns), {dn.casefold() for dn in dns}
        while waiting:
            entry = self._group(waiting.popleft(), connection)
            if entry is None:
                continue
            yield self._name_of(entry)
            above = [dn for dn in _whole(entry, MEMBER_OF) if dn.casefold() not in seen]
            seen.update(dn.casefold() for dn in above)
            waiting += above

    def _group(self, dn: str, connection: Connection) -> DirectoryEntry | None:
        """Return the entry of a group, made of its DN where that says all that is asked."""
        if not self._nested and (name := _name_in(dn, self._name)):
            return DirectoryEntry(dn, {self._name.lower(): [name.encode()]})
        attributes = [self._name, MEMBER_OF] if self._nested else [self._name]
        try:
            return next(connection.search(dn, attributes=attributes, scope=ldap.SCOPE_BASE), None)
        except ldap.NO_SUCH_OBJECT:
            return None
        except (ldap.INSUFFICIENT_ACCESS, ldap.REFERRAL):
            raise GroupsUnknownError(f"the group {dn} cannot be read") from None

    def _searched(self, person: DirectoryEntry, uid: str, connection: Connection) -> Iterator[str | None]:
        """Walk from level to level; each group is asked for once, so circles end."""
        seen: set[str] = set()
        filters = [groups_filter(self._filter, person.dn, uid)]
        while filters:
            found = [entry for entry in self._level(filters, connection) if entry.dn.casefold() not in seen]
            for entry in found:
                seen.add(entry.dn.casefold())
                yield self._name_of(entry)
            filters = [groups_filter(self._filter, entry.dn, "") for entry in found] if self._nested else []

    def _level(self, filters: Sequence[str], connection: Connection) -> Iterable[DirectoryEntry]:
        for start in range(0, len(filters), BATCH):
            text = any_of(filters[start : start + BATCH])
            yield from self._listed(text, connection)


def _whole(entry: DirectoryEntry, attribute: str) -> list[str]:
    """Return all values of an attribute; what is no text, or left out by the server, cannot be told."""
    if not entry.is_whole(attribute):
        raise GroupsUnknownError(f"{attribute} of {entry.dn} cannot be read whole")
    return entry.texts(attribute)


def _few(names: Iterable[str | None]) -> Iterator[str]:
    """Give the names; groups without one count too."""
    for number, name in enumerate(names):
        if number >= MOST:
            raise GroupsUnknownError(f"they are over {MOST} groups: narrow group_base, group_filter")
        if name:
            yield name


def _name_in(dn: str, attribute: str) -> str | None:
    """Return the value of an attribute in the first part of a DN."""
    try:
        first = ldap.dn.str2dn(dn)[0]
    except (ldap.DECODING_ERROR, IndexError):
        return None
    return next((value for name, value, _ in first if name.lower() == attribute.lower() and value), None)
