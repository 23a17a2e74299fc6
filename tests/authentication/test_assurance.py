"""Macros and attributes by expression see the level that counts, and not only that of the password."""

from typing import Any

import pytest

from issuer.backends.local import LocalUsers
from issuer.identity import Identity
from tests.authentication.backends import People, people
from tests.authentication.conftest import JITSI, USERS
from tests.authentication.factors.people import KEY, enrol, location, post
from tests.authentication.trips import build, come_back
from tests.gateway import BuildGateway, LocalGateway

__all__ = ["build", "people"]

MACROS = {"strong": "authLevel >= 2", "stronger": "strong && authLevel >= 3"}
MEETING = "/jitsi/login?room=board"


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    data = {
        "macros": MACROS,
        "backends": {"local": {"attributes": {"trust": 'authLevel >= 2 ? "high" : "low"'}}},
        "modules": {"jitsi": {**JITSI, "rule": "strong && trust == 'high'"}},
        "second_factor": {"key": KEY, "required": 'inGroup("timelords")'},
    }
    return build_gateway(data, users=USERS)


def person(gateway: LocalGateway, uid: str) -> Identity:
    return gateway.parts.store.sessions.of_uid(uid)[0].identity


def test_a_code_makes_a_macro_true_and_so_it_stays(gateway: LocalGateway) -> None:
    """After setting the app up, after a code, and after everything that reads the person again."""
    doctor = enrol(gateway)
    for again in (False, True):
        client = doctor.password() if again else doctor.client
        if again:
            assert location(post(client, "/second-factor/code", code=doctor.code())) == "/"
        assert client.get(MEETING).status_code == 302
        gateway.clock.advance(301)
        assert client.get(MEETING).status_code == 302
        LocalUsers(gateway.parts.services).change("dwho", {"cn": ["The Doctor"]}, ("users", "timelords"))
        assert client.get(MEETING).status_code == 302
        assert person(gateway, "dwho").macros == {"strong": True, "stronger": False}
        assert person(gateway, "dwho").first("trust") == "high"
        gateway.clock.advance(30)


def test_a_password_alone_does_not(gateway: LocalGateway) -> None:
    client = gateway.client()
    assert location(gateway.send_form(client, "rtyler")) == "/"
    assert client.get(MEETING).status_code == 403
    gateway.clock.advance(301)
    assert client.get(MEETING).status_code == 403
    assert person(gateway, "rtyler").macros["strong"] is False
    assert person(gateway, "rtyler").first("trust") == "low"


def test_a_rule_that_asks_a_macro_asks_for_a_stronger_sign_in(build_gateway: BuildGateway) -> None:
    data = {
        "macros": MACROS,
        "modules": {"jitsi": {**JITSI, "rule": "strong"}},
        "second_factor": {"key": KEY, "required": "deny"},
    }
    gateway = build_gateway(data, users=USERS)
    client = gateway.client()
    gateway.send_form(client, "rtyler")
    wanted = location(client.get(MEETING))
    assert wanted.startswith("/login?level=2&")
    assert 'name="password"' in client.get(wanted).text
    assert location(gateway.send_form(client, "rtyler", wanted)) == "/second-factor/set-up"


def test_a_sign_in_elsewhere_has_the_level_that_it_had(build: Any, people: dict[str, People]) -> None:
    """The upstream says how strong it was; nobody reads it again."""
    gateway = build(rule="stronger", macros=MACROS)
    client = gateway.client()
    people["sso"].known["s1"]["claims"] = {"level": 3}
    come_back(client, "sso", subject="s1")
    for _ in range(2):
        assert client.get(MEETING).status_code == 302
        gateway.clock.advance(301)


def test_who_cannot_be_read_again_has_macros_of_the_new_level(build: Any, people: dict[str, People]) -> None:
    gateway = build(macros=MACROS)
    come_back(gateway.client(), "sso", subject="s1")
    before = person(gateway, "sso-person")
    assert before.macros == {"strong": True, "stronger": False}
    raised = gateway.parts.attributes.raised(before, 3)
    assert raised
    assert raised.macros == {"strong": True, "stronger": True}
