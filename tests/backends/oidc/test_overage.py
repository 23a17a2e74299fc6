"""Claims that stand elsewhere, and claims that cannot be read: what they would say is unknown."""

from typing import Any

import pytest

from issuer.backends.oidc.claims import identity_of
from issuer.bearer.issuers import RemoteIssuer
from issuer.identity import Identity
from tests.authentication.backends import People, people
from tests.core.people import WANTED, build, form, redirected

__all__ = ["build", "people"]

SOURCES = {"_claim_sources": {"src1": {"endpoint": "https://graph.example/users/1/getMemberObjects"}}}
OVERAGE: list[dict[str, Any]] = [
    {"_claim_names": {"groups": "src1"}, **SOURCES},
    {"_claim_names": {"groups": "src1"}, "groups": ["staff"]},
    {"_claim_names": "groups"},
    {"_claim_names": ["groups"]},
    {"hasgroups": True},
    {"hasgroups": "true"},
    {"groups": {"staff": True}},
    {"groups": 7},
    {"groups": ["staff", {"name": "banned"}]},
    {"groups": ["staff", "a\x00b"]},
]
RULES = {'!inGroup("banned")': 403, 'inGroup("staff")': 403, 'true || inGroup("staff")': 302}


def named(**claims: Any) -> Identity:
    everybody = {"iss": "https://login.example", "sub": "1", "preferred_username": "dwho"}
    return identity_of("entra", {**everybody, **claims}, "preferred_username", False)


@pytest.mark.parametrize("rule", RULES)
def test_groups_that_stand_elsewhere_say_no(
    build: Any, people: dict[str, People], caplog: pytest.LogCaptureFixture, rule: str
) -> None:
    """Overage, failed groups expression: `!inGroup("banned")` and `inGroup("staff")` both say no, `true ||
    inGroup("staff")` says yes; `issuer rule` shows *unknown*. Directory down: 503, no token.
    """
    gateway = build("sso", rule=rule)
    for claims in OVERAGE:
        caplog.clear()
        found = named(**claims)
        assert (found.groups, "groups" in found.unknown) == ((), True)
        assert "groups of dwho unknown" in caplog.text
        people["sso"].add("1", "dwho")
        people["sso"].known["1"] |= {"claims": found.claims, "unknown": found.unknown}
        client = gateway.client()
        assert redirected(gateway, "sso", "1", client) == 303
        answer = client.get(WANTED)
        assert answer.status_code == RULES[rule]
        assert ("jwt=" in answer.headers.get("Location", "")) == (RULES[rule] == 302)


@pytest.mark.parametrize(
    "groups", ["claims.groups", "claims.groups + claims.roles", "has(claims.groups) ? claims.groups : []"]
)
@pytest.mark.parametrize("rule", RULES)
def test_a_groups_expression_that_fails_says_no(
    build: Any, people: dict[str, People], caplog: pytest.LogCaptureFixture, groups: str, rule: str
) -> None:
    """Overage, failed groups expression: `!inGroup("banned")` and `inGroup("staff")` both say no, `true ||
    inGroup("staff")` says yes; `issuer rule` shows *unknown*. Directory down: 503, no token.
    """
    gateway = build("sso", rule=rule, options={"sso": {"groups": groups}})
    people["sso"].add("1", "dwho", "staff")
    overage = named(_claim_names={"groups": "src1"})
    people["sso"].known["1"] |= {"claims": overage.claims, "unknown": overage.unknown}
    client = gateway.client()
    assert redirected(gateway, "sso", "1", client) == 303
    assert client.get(WANTED).status_code == RULES[rule]
    assert "backends.sso: groups of dwho unknown" in caplog.text


def test_roles_are_a_way_out_of_overage(build: Any, people: dict[str, People]) -> None:
    gateway = build("sso", rule='!inGroup("banned")', options={"sso": {"groups": "claims.roles"}})
    people["sso"].add("1", "dwho")
    overage = named(_claim_names={"groups": "src1"}, roles=["staff"])
    people["sso"].known["1"] |= {"claims": overage.claims, "unknown": overage.unknown}
    client = gateway.client()
    assert redirected(gateway, "sso", "1", client) == 303
    assert client.get(WANTED).status_code == 302


@pytest.mark.parametrize("rule", RULES)
def test_a_directory_that_is_down_is_unavailable(build: Any, people: dict[str, People], rule: str) -> None:
    """Overage, failed groups expression: `!inGroup("banned")` and `inGroup("staff")` both say no, `true ||
    inGroup("staff")` says yes; `issuer rule` shows *unknown*. Directory down: 503, no token.
    """
    gateway = build("ldap", rule=rule)
    people["ldap"].add("u1", "dwho", "staff")
    client = gateway.client()
    assert form(gateway, "dwho", client) == 303
    people["ldap"].down = True
    gateway.clock.advance(301)
    answer = client.get(WANTED)
    assert (answer.status_code, "Location" in answer.headers) == (503, False)
    assert not gateway.parts.store.issuances.search(limit=10)
    assert form(gateway, "dwho") == 503


@pytest.mark.parametrize(
    ("claims", "unknown"),
    [
        ({}, ()),
        ({"groups": None, "name": "", "hasgroups": False, "_claim_names": {}}, ()),
        ({"groups": []}, ()),
        ({"groups": "staff"}, ()),
        ({"name": 7, "email": ["a@example.com"]}, ("cn", "mail")),
        ({"_claim_names": {"email": "s", "department": "s"}}, ("mail", "claims.department", "claims.email")),
    ],
)
def test_absent_is_not_unknown(claims: dict[str, Any], unknown: tuple[str, ...]) -> None:
    assert named(**claims).unknown == unknown


@pytest.mark.parametrize("claims", [*OVERAGE[:9], {"groups": "staff"}])
def test_bearer_tokens_are_read_alike(claims: dict[str, Any]) -> None:
    found = RemoteIssuer("https://login.example", None).identity({"sub": "1", **claims})  # type: ignore[arg-type]
    assert (found.groups, found.unknown) == ((), ("groups",))


def test_a_bearer_token_says_what_it_says() -> None:
    of_roles = RemoteIssuer("https://login.example", None, "roles")  # type: ignore[arg-type]
    found = of_roles.identity({"sub": "1", "roles": ["staff"], "_claim_names": {"groups": "s", "name": "s"}})
    assert (found.groups, found.unknown) == (("staff",), ("cn", "name"))
    assert of_roles.identity({"sub": "1"}).unknown == ()
