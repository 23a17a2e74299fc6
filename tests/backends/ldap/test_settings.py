"""Contradictions in the section stop the start, and say what to do."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from issuer.backends.ldap import LdapSettings

GOOD: dict[str, Any] = {"servers": ["ldaps://ldap.example.com"], "user_base": "ou=people,dc=example,dc=com"}


def test_little_is_needed() -> None:
    settings = LdapSettings(**GOOD)
    assert settings.can_search
    assert settings.start_tls


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"servers": []}, "at least 1 item"),
        ({"servers": ["https://ldap.example.com"]}, "ldaps://ldap.example.com"),
        ({"servers": ["ldap://a/dc=x"]}, "not the URL of an LDAP server"),
        ({"servers": ["ldap://a"], "start_tls": False}, "would get passwords unencrypted: use ldaps://"),
        ({"ca_file": "/nowhere.pem"}, "holds no certificates"),
        ({"bind_dn": "cn=x"}, "bind_dn and bind_password go together"),
        ({"bind_password": "secret"}, "bind_dn and bind_password go together"),
        ({"bind_dn": "somebody", "bind_password": "x"}, "not a distinguished name"),
        ({"user_base": ""}, "user_base is missing"),
        ({"user_base": "people"}, "not a distinguished name"),
        ({"user_filter": "uid={login}"}, "not a filter"),
        ({"user_filter": "(uid=*)"}, "{login} must stand for the whole value"),
        ({"user_dn": "uid=x,dc=y"}, "has no {login}"),
        ({"user_dn": "uid={login},dc=x", "user_filter": "(cn={login})"}, "needs user_base and bind_dn"),
        ({"group_filter": "(cn=x)"}, "not a filter for the groups"),
        ({"groups_by": "search", "user_base": "", "user_dn": "uid={login},dc=x"}, "group_base is missing"),
        ({"groups_by": "search", "nested_groups": True, "group_filter": "(memberUid={uid})"}, "needs {dn}"),
        ({"connections": 0}, "greater than or equal to 1"),
    ],
)
def test_contradictions(changes: dict[str, Any], remedy: str) -> None:
    with pytest.raises(ValidationError) as caught:
        LdapSettings(**{**GOOD, **changes})
    assert remedy in str(caught.value)


def test_what_cannot_be_looked_up() -> None:
    template = {**GOOD, "user_dn": "uid={login},ou=people,dc=example,dc=com"}
    assert not LdapSettings(**template).can_search
    assert LdapSettings(**template, bind_dn="cn=x", bind_password=SecretStr("x")).can_search
