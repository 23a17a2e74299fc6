"""Attributes, groups and macros by expression."""

from typing import Any

import pytest

from issuer.identity import Identity
from issuer.rules import Scope
from issuer.rules.explain import explain
from issuer.settings.problems import ConfigError
from tests.authentication.backends import People, people
from tests.core.people import WANTED, build, form, identity_of, redirected

__all__ = ["build", "people"]

ATTRIBUTES = {
    "cn": 'givenName + " " + sn',
    "mail": "claims.email_verified == true ? claims.email : nothing",
    "aliases": 'claims.emails.filter(e, e.endsWith("@example.com"))',
    "mobile": 'attributes["phone"]',
    "level": "claims.level",
    "external": "has(claims.partner)",
}


def test_attributes_and_groups_by_expression(build: Any, people: dict[str, People]) -> None:
    groups = 'claims.realm_access.roles.filter(r, !r.startsWith("default-"))'
    gateway = build("sso", options={"sso": {"attributes": ATTRIBUTES, "groups": groups}})
    people["sso"].add(
        "s1", "dwho", "ignored", givenName="John", sn="Smith", phone=["1", "2"], mail="unproven@x"
    )
    people["sso"].known["s1"]["claims"] = {
        "email": "dwho@example.com",
        "email_verified": False,
        "emails": ["a@example.com", "b@other.example", "c@example.com"],
        "realm_access": {"roles": ["staff", "default-roles", "board", "staff"]},
        "level": 7,
    }
    assert redirected(gateway, "sso", "s1") == 303
    found = identity_of(gateway)
    assert found.attributes == {
        "givenName": "John",
        "sn": "Smith",
        "phone": ["1", "2"],
        "cn": "John Smith",
        "aliases": ["a@example.com", "c@example.com"],
        "mobile": ["1", "2"],
        "level": "7",
        "external": "false",
    }
    assert found.groups == ("staff", "board")
    assert found.claims == {}


@pytest.mark.parametrize("groups", ["claims.nothing", "1 / 0", '[["a"]]', '{"a": 1}', "mail"])
def test_groups_that_fail_are_unknown(build: Any, people: dict[str, People], groups: str) -> None:
    gateway = build("ldap", options={"ldap": {"groups": groups}})
    people["ldap"].add("u1", "dwho", "staff")
    assert form(gateway, "dwho") == 303
    assert (identity_of(gateway).groups, identity_of(gateway).unknown) == ((), ("groups",))


@pytest.mark.parametrize("groups", ['""', "[]", "groups.filter(g, false)"])
def test_no_groups_are_known(build: Any, people: dict[str, People], groups: str) -> None:
    gateway = build("ldap", options={"ldap": {"groups": groups}})
    people["ldap"].add("u1", "dwho", "staff")
    assert form(gateway, "dwho") == 303
    assert (identity_of(gateway).groups, identity_of(gateway).unknown) == ((), ())


def test_an_attribute_whose_expression_fails_is_unknown_and_an_absent_one_is_not(
    build: Any, people: dict[str, People]
) -> None:
    attributes = {"level": "int(claims.lift)", "phone": "claims.phone", "sn": '"x" + 1', "cn": "claims.name"}
    macros = {"strong": "int(level) > 2", "mobile": 'phone + ""'}
    gateway = build("sso", options={"sso": {"attributes": attributes}}, macros=macros)
    people["sso"].add("s1", "dwho", sn="Smith")
    people["sso"].known["s1"]["claims"] = {"lift": "high", "name": ["a"]}
    people["sso"].known["s1"]["unknown"] = ("claims.name", "mail", "cn")
    assert redirected(gateway, "sso", "s1") == 303
    found = identity_of(gateway)
    assert (found.attributes, found.unknown) == ({}, ("cn", "level", "mail", "sn", "macros.strong"))
    for text, shown in {"strong": "(unknown)", "mobile": "(no value)", "phone": "(no value)"}.items():
        assert f"{text} = {shown}" in explain(text, Scope(found, {}, 0)).lines()
    again = gateway.parts.resolver.raised(found, 2)
    assert (again.auth_level, again.unknown) == (2, found.unknown)


MACROS = {
    "staff": 'inGroup("staff") || mail.endsWith("@example.com")',
    "vip": 'staff && uid == "dwho"',
    "rooms": 'attributes["room"].map(r, "room-" + r)',
    "broken": "nothing.size() > 1",
}


def test_macros_are_variables_of_rules(build: Any, people: dict[str, People]) -> None:
    """`staff = inGroup("staff") || mail.endsWith("@example.com")`"""
    gateway = build("ldap", macros=MACROS, rule="staff && vip && rooms[1] == room")
    people["ldap"].add("u1", "dwho", mail="dwho@example.com", room=["sunday", "monday"], staff="no", vip="no")
    people["ldap"].add("u2", "rtyler", mail="rtyler@example.com", room=["sunday", "monday"])
    people["ldap"].add("u3", "msmith", mail="msmith@other.example", staff="true")
    outcome = {}
    for uid in ("dwho", "rtyler", "msmith"):
        client = gateway.client()
        assert form(gateway, uid, client) == 303
        outcome[uid] = client.get("/jitsi/login?room=room-monday").status_code
    assert outcome == {"dwho": 302, "rtyler": 403, "msmith": 403}
    session = gateway.parts.store.sessions.of_uid("dwho")[0]
    expected = {"staff": True, "vip": True, "rooms": ["room-sunday", "room-monday"], "broken": None}
    assert session.identity.macros == expected


def test_an_attribute_is_never_taken_for_a_macro_that_failed(build: Any, people: dict[str, People]) -> None:
    gateway = build("ldap", macros={"staff": "nothing == 1"}, rule='staff == "yes"')
    people["ldap"].add("u1", "dwho", staff="yes")
    client = gateway.client()
    form(gateway, "dwho", client)
    assert client.get(WANTED).status_code == 403


def test_macros_follow_when_attributes_are_read_again(build: Any, people: dict[str, People]) -> None:
    gateway = build("ldap", macros={"staff": 'inGroup("staff")'}, rule="staff")
    people["ldap"].add("u1", "dwho")
    client = gateway.client()
    form(gateway, "dwho", client)
    assert client.get(WANTED).status_code == 403
    people["ldap"].add("u1", "dwho", "staff")
    assert client.get(WANTED).status_code == 403
    gateway.clock.advance(300)
    assert client.get(WANTED).status_code == 302


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"macros": {"uid": "1"}}, r"macros\.uid: is a name that rules have already"),
        ({"macros": {"inGroup": "1"}}, r"macros\.inGroup: is a name that rules have already"),
        ({"macros": {"a-b": "1"}}, r"macros\.a-b: is no name for a macro"),
        ({"macros": {"a": "nofunction()"}}, r"macros\.a: there is no function nofunction"),
        ({"options": {"ldap": {"groups": "]"}}}, r"backends\.ldap\.groups: does not compile"),
        (
            {"options": {"ldap": {"attributes": {"cn": "f(1)"}}}},
            r"backends\.ldap\.attributes\.cn: there is no",
        ),
    ],
)
def test_what_does_not_compile_stops_the_start(build: Any, settings: Any, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        build("ldap", **settings)


def test_a_macro_can_be_tried_from_the_command_line() -> None:
    """`issuer rule` knows it, and warns of no typing error."""
    person = Identity("local", "id", "dwho", macros={"staff": True})
    explanation = explain("staff", Scope(person, {}, 0))
    assert (explanation.warnings, explanation.decision.allowed) == ((), True)


def test_macros_are_no_typing_errors(build: Any, caplog: pytest.LogCaptureFixture) -> None:
    build(
        "ldap", macros={"staff": "accept == true || true"}, rule="staff", main_identifier="staff ? uid : uid"
    )
    warned = [record.getMessage() for record in caplog.records if record.name == "issuer.rules"]
    assert [text for text in warned if "staff is no usual variable" in text] == []
