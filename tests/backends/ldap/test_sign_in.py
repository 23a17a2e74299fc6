"""Who signs in against a real OpenLDAP, and who does not."""

import logging
from collections.abc import Callable

import pytest

from issuer.backends.ldap import LdapBackend
from issuer.backends.ldap.servers import DirectoryDownError
from issuer.errors import UnavailableError
from tests.backends.ldap.conftest import Build
from tests.backends.ldap.seen import shows_the_line
from tests.openldap.people import LONG_PASSWORD, PEOPLE, dn_of, entry_uuid, password_of
from tests.openldap.server import OpenLDAP


def _operations(openldap: OpenLDAP, work: Callable[[], object]) -> list[str]:
    """Return what the server was asked while the work ran: "BIND", "SRCH", ..., and new connections."""
    before = len(openldap.log())
    work()
    words = ("BIND dn", "SRCH base", "ACCEPT")
    lines = openldap.log()[before:].splitlines()
    return [word for line in lines for word in words if f" {word}" in line and "mech=" not in line]


@shows_the_line
def test_somebody_signs_in(backend: LdapBackend) -> None:
    identity = backend.authenticate(" DWho ", password_of("dwho"))
    assert identity
    assert (identity.backend, identity.subject, identity.uid) == ("people", entry_uuid(dn_of("dwho")), "dwho")
    assert identity.attributes == {
        "cn": "The Doctor",
        "mail": ["doctor@example.org", "dwho@example.org"],
        "sn": "dwho",
    }
    assert identity.groups == ("doctors", 'strange, "name"+*(x)')


@shows_the_line
@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("dwho", "wrong"),
        ("dwho", "password of dwhO"),
        ("dwho", password_of("master")),
        ("dwho", "x" * 4096),
        ("dwho", "x" * 100_000),
        ("dwho", password_of("dwho") + "\0"),
        ("dwho", password_of("dwho") + "\0x"),
        ("dwho", "\0"),
        ("dwho", ""),
        ("", ""),
        ("", password_of("dwho")),
        ("nobody-at-all", password_of("dwho")),
        ("nobody-at-all", "\ud800"),
        ("longpass", LONG_PASSWORD[:-1]),
        ("longpass", LONG_PASSWORD + "x"),
        ("nopassword", "anything"),
        ("locked", password_of("locked")),
        ("locked", "wrong"),
        ("expired", password_of("expired")),
        ("mustchange", password_of("mustchange")),
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_nobody_signs_in_otherwise(
    backend: LdapBackend, by_template: LdapBackend, login: str, password: str
) -> None:
    assert backend.authenticate(login, password) is None
    assert by_template.authenticate(login, password) is None


@shows_the_line
def test_the_longest_password_is_compared_to_its_end(backend: LdapBackend) -> None:
    assert len(LONG_PASSWORD.encode()) == 4096
    assert backend.authenticate("longpass", LONG_PASSWORD)


@shows_the_line
@pytest.mark.parametrize(
    ("login", "reason"),
    [("locked", "locked"), ("expired", "password expired"), ("mustchange", "password must be changed")],
)
def test_the_log_says_why_a_right_password_does_not_do(
    backend: LdapBackend, caplog: pytest.LogCaptureFixture, login: str, reason: str
) -> None:
    with caplog.at_level(logging.WARNING):
        assert backend.authenticate(login, password_of(login)) is None
    (event,) = [record.msg for record in caplog.records if record.name == "issuer.audit"]
    assert isinstance(event, dict)
    assert (event["event"], event["user"], event["reason"]) == ("account_refused", login, reason)
    assert password_of(login) not in caplog.text


def test_a_wrong_password_says_nothing_more(backend: LdapBackend, caplog: pytest.LogCaptureFixture) -> None:
    assert backend.authenticate("dwho", "wrong") is None
    assert caplog.records == []


def test_too_many_wrong_passwords_lock_an_account_there(
    backend: LdapBackend, caplog: pytest.LogCaptureFixture
) -> None:
    assert [backend.authenticate("fumbler", "wrong") for _ in range(3)] == [None] * 3
    assert backend.authenticate("fumbler", password_of("fumbler")) is None
    assert "'reason': 'locked'" in caplog.text


@shows_the_line
def test_an_empty_password_never_reaches_the_server(backend: LdapBackend, openldap: OpenLDAP) -> None:
    for password in ("", "\0", "x" * 5000, "\ud800"):
        assert _operations(openldap, lambda p=password: backend.authenticate("dwho", p)) == []  # type: ignore[misc]


def test_who_is_unknown_costs_as_much_as_a_wrong_password(backend: LdapBackend, openldap: OpenLDAP) -> None:
    backend.authenticate("dwho", password_of("dwho"))
    wrong = _operations(openldap, lambda: backend.authenticate("dwho", "wrong"))
    unknown = _operations(openldap, lambda: backend.authenticate("nobody-at-all", "wrong"))
    assert wrong == unknown == ["SRCH base", "BIND dn"]


def test_the_password_of_an_unknown_name_is_tried_on_an_entry_that_takes_as_long(
    backend: LdapBackend, openldap: OpenLDAP
) -> None:
    before = len(openldap.log())
    backend.authenticate("nobody-at-all", "wrong")
    assert f'BIND dn="{openldap.decoy}"' in openldap.log()[before:]


def test_two_entries_for_one_login_are_nobody(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    backend = build(user_filter="(|(uid={login})(mail={login}))")
    assert backend.authenticate("rose@example.org", password_of("Rose.Tyler"))
    for uid in ("twin1", "twin2"):
        assert backend.authenticate("twins@example.org", password_of(uid)) is None
    assert "match user_filter: nobody signs in" in caplog.text


def test_many_entries_for_one_login_are_nobody(build: Build) -> None:
    backend = build(user_filter="(|(uid={login})(objectClass=inetOrgPerson))")
    assert backend.authenticate("dwho", password_of("dwho")) is None


def test_a_login_may_be_part_of_a_value(build: Build) -> None:
    backend = build(user_filter="(&(mail={login}@example.org)(objectClass=person))")
    identity = backend.authenticate("Rose", password_of("Rose.Tyler"))
    assert identity
    assert identity.uid == "Rose.Tyler"


def test_who_may_not_read_their_own_entry_pauses_nobody(
    by_template: LdapBackend, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UnavailableError, match="own entry cannot be read") as caught:
        by_template.authenticate("hermit", password_of("hermit"))
    assert not isinstance(caught.value, DirectoryDownError)
    assert "directory server" not in caplog.text
    assert by_template.authenticate("hermit", "wrong") is None


def test_a_template_needs_no_account_that_searches(by_template: LdapBackend) -> None:
    identity = by_template.authenticate("DWho", password_of("dwho"))
    assert identity
    assert (identity.uid, identity.subject) == ("dwho", entry_uuid(dn_of("dwho")))
    assert identity.groups == ("doctors", 'strange, "name"+*(x)')
    assert by_template.refresh(identity) is identity
    assert not by_template.knows("dwho")


def test_a_template_can_have_one_as_well(build: Build) -> None:
    backend = build(user_dn=f"uid={{login}},{PEOPLE}", groups_by="search")
    identity = backend.authenticate("dwho", password_of("dwho"))
    assert identity
    assert "doctors" in identity.groups
    assert backend.refresh(identity) == identity


def test_the_user_name_is_the_first_of_several(backend: LdapBackend) -> None:
    for login in ("master", "koschei"):
        identity = backend.authenticate(login, password_of("master"))
        assert identity
        assert identity.uid == "master"


def test_an_entry_that_does_not_say_who_it_is_signs_nobody_in(build: Build) -> None:
    for option in ("subject_attribute", "uid_attribute"):
        backend = build(**{option: "employeeNumber"})
        with pytest.raises(UnavailableError, match="shows no employeeNumber"):
            backend.authenticate("dwho", password_of("dwho"))


def test_somebody_is_read_again(build: Build, openldap: OpenLDAP) -> None:
    backend = build(user_filter="(&(uid={login})(!(title=left)))")
    identity = backend.authenticate("user903", password_of("user903"))
    assert identity
    assert backend.refresh(identity) == identity
    openldap.modify(dn_of("user903"), mail="new@example.org")
    again = backend.refresh(identity)
    assert again
    assert again.attributes["mail"] == "new@example.org"
    openldap.modify(dn_of("user903"), title="left")
    assert backend.refresh(identity) is None


def test_who_is_gone_is_gone(backend: LdapBackend, openldap: OpenLDAP) -> None:
    identity = backend.authenticate("user904", password_of("user904"))
    assert identity
    assert backend.knows("USER4")
    openldap.remove(dn_of("user904"))
    assert backend.refresh(identity) is None
    assert not backend.knows("user904")
    assert not backend.knows("user\0")


def test_a_filter_holds_for_those_who_are_named_by_a_template_too(build: Build) -> None:
    template = f"uid={{login}},{PEOPLE}"
    backend = build(user_dn=template, user_filter="(&(uid={login})(!(uid=user7)))")
    assert backend.authenticate("user8", password_of("user8"))
    assert backend.authenticate("user7", password_of("user7")) is None
