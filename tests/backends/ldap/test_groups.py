"""Groups of people: by memberOf, by search, nested, in circles."""

from typing import Any, cast

import ldap
import pytest

from issuer.backends.ldap import LdapBackend, groups
from issuer.backends.ldap.connection import Connection, DirectoryEntry
from issuer.backends.ldap.directory import Directory
from issuer.backends.ldap.settings import LdapSettings
from tests.backends.ldap.conftest import Build
from tests.backends.ldap.seen import shows_the_line
from tests.openldap.people import PEOPLE, dn_of, password_of
from tests.openldap.server import OpenLDAP

DIRECT = {"doctors", 'strange, "name"+*(x)'}
ALL = DIRECT | {"timelords", "gallifrey", "loop", "pool"}


def _groups(backend: LdapBackend, uid: str = "dwho") -> tuple[str, ...]:
    identity = backend.authenticate(uid, password_of(uid))
    assert identity
    return identity.groups


@pytest.mark.parametrize("by", ["memberOf", "search"])
def test_direct_groups(build: Build, by: str) -> None:
    assert set(_groups(build(groups_by=by))) == DIRECT


@shows_the_line
@pytest.mark.parametrize("by", ["memberOf", "search"])
def test_nested_groups_each_once_whatever_circles_there_are(build: Build, by: str) -> None:
    found = _groups(build(groups_by=by, nested_groups=True))
    assert set(found) == ALL
    assert len(found) == len(ALL)
    assert found.index("doctors") < found.index("timelords") < found.index("gallifrey") < found.index("loop")


@pytest.mark.parametrize("by", ["memberOf", "search"])
def test_names_by_another_attribute(build: Build, by: str) -> None:
    found = _groups(build(groups_by=by, nested_groups=True, group_name="description"))
    assert set(found) == {f"The {name}" for name in ALL}
    assert set(_groups(build(groups_by=by, group_name="description"))) == {f"The {name}" for name in DIRECT}


def test_groups_whose_members_are_user_names(build: Build) -> None:
    backend = build(groups_by="search", group_filter="(&(objectClass=posixGroup)(memberUid={uid}))")
    assert _groups(backend) == ("posix",)
    assert _groups(backend, "user7") == ()


def test_no_groups(build: Build) -> None:
    assert _groups(build(groups_by="nothing")) == ()
    assert _groups(build(groups_by="memberOf"), "user1") == ()


def test_a_filter_for_active_directory_finds_nothing_elsewhere(build: Build) -> None:
    """OpenLDAP has no such rule: such a filter is undefined there (RFC 4511 §4.5.1.7)."""
    assert _groups(build(groups_by="in_chain")) == ()


@pytest.mark.parametrize("by", ["memberOf", "search"])
def test_too_many_groups_are_unknown(
    build: Build, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, by: str
) -> None:
    monkeypatch.setattr(groups, "MOST", 5)
    found = build(groups_by=by, nested_groups=True).authenticate("dwho", password_of("dwho"))
    assert found
    assert (found.groups, found.unknown) == ((), ("groups",))
    assert "over 5 groups" in caplog.text


def test_more_groups_than_the_server_lists_pause_nobody(
    build: Build, openldap: OpenLDAP, caplog: pytest.LogCaptureFixture
) -> None:
    """OpenLDAP lists 500 entries at most by default."""
    backend = build(groups_by="search", group_base=PEOPLE, group_filter="(uid={uid}*)", group_name="uid")
    openldap.add_person("user")
    try:
        found = backend.authenticate("user", password_of("user"))
    finally:
        openldap.remove(dn_of("user"))
    assert found
    assert (found.groups, found.unknown) == ((), ("groups",))
    assert "more groups than the server lists" in caplog.text
    assert "directory server" not in caplog.text


GROUP = "cn=a,dc=example"


class Hidden:
    """A connection to a server that shows nobody its groups, or only a part."""

    def __init__(self, answer: DirectoryEntry | ldap.LDAPError) -> None:
        self._answer = answer

    def search(self, *_arguments: Any, **_options: Any) -> Any:
        if isinstance(self._answer, ldap.LDAPError):
            raise self._answer
        return iter([self._answer])


@pytest.mark.parametrize(
    ("person", "answer"),
    [
        ({"memberof": [GROUP.encode()]}, ldap.INSUFFICIENT_ACCESS()),
        ({"memberof": [GROUP.encode()]}, ldap.REFERRAL()),
        ({"memberof": [GROUP.encode()]}, DirectoryEntry(GROUP, {"cn": [b"\xff"]})),
        ({"memberof": [GROUP.encode()]}, DirectoryEntry(GROUP, {"cn": [b"a"], "memberof": [b"\xff"]})),
        ({"memberof": [b"\xff"]}, DirectoryEntry(GROUP, {"cn": [b"a"]})),
        ({"memberof;range=0-1499": [GROUP.encode()]}, DirectoryEntry(GROUP, {"cn": [b"a"]})),
    ],
)
def test_groups_of_which_the_directory_shows_a_part_are_unknown(person: Any, answer: Any) -> None:
    settings = LdapSettings(
        servers=["ldaps://ldap.example.com"],
        user_base="dc=example",
        groups_by="memberOf",
        nested_groups=True,
        subject_attribute="uid",
    )
    entry = DirectoryEntry("uid=a,dc=example", {"uid": [b"a"], "mail": [b"\xff"], **person})
    found = Directory("ldap", settings).identity(entry, cast("Connection", Hidden(answer)))
    assert (found.groups, found.unknown, "mail" in found.attributes) == ((), ("mail", "groups"), False)


def test_a_group_that_is_named_and_gone_has_no_groups(build: Build) -> None:
    assert "timelords" in _groups(build(nested_groups=True), "haunted")
    assert "ghost" not in _groups(build(group_name="description"), "haunted")
