"""Groups of people: by memberOf, by search, nested, in circles."""

import pytest

from issuer.backends.ldap import LdapBackend, groups
from issuer.backends.ldap.servers import DirectoryDownError
from issuer.errors import UnavailableError
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
def test_too_many_groups_are_too_many(build: Build, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    monkeypatch.setattr(groups, "MOST", 5)
    with pytest.raises(UnavailableError, match="over 5 groups"):
        _groups(build(groups_by=by, nested_groups=True))


def test_more_groups_than_the_server_lists_pause_nobody(
    build: Build, openldap: OpenLDAP, caplog: pytest.LogCaptureFixture
) -> None:
    """OpenLDAP lists 500 entries at most by default."""
    backend = build(groups_by="search", group_base=PEOPLE, group_filter="(uid={uid}*)", group_name="uid")
    openldap.add_person("user")
    try:
        with pytest.raises(UnavailableError, match="more groups than the server lists") as caught:
            _groups(backend, "user")
    finally:
        openldap.remove(dn_of("user"))
    assert not isinstance(caught.value, DirectoryDownError)
    assert "directory server" not in caplog.text


def test_a_group_that_is_named_and_gone_has_no_groups(build: Build) -> None:
    assert "timelords" in _groups(build(nested_groups=True), "haunted")
    assert "ghost" not in _groups(build(group_name="description"), "haunted")
