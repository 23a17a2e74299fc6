"""Whose second factor counts: people of several backends, and of backends that are left out."""

from typing import Any

from tests.authentication.backends import People, people
from tests.authentication.factors.people import KEY, enrol, is_signed_in, location, post
from tests.core.people import build

__all__ = ["build", "people"]


def test_whoever_has_one_is_asked_for_it_by_whichever_form(build: Any, people: dict[str, People]) -> None:
    """The operator says that two backends have the same people: the app of one is asked for in the other."""
    factor, same = {"key": KEY, "backends": ["ldap"]}, {"same_people": [["ldap", "ad"]]}
    gateway = build("ldap", "ad", sign_in=same, second_factor=factor)
    people["ldap"].add("s1", "dwho")
    people["ad"].add("a1", "DWho")
    person = enrol(gateway)
    people["ldap"].known.clear()
    client = gateway.client()
    assert location(post(client, "/login", login="DWho", password="DWho")) == "/second-factor/code"
    assert post(client, "/second-factor/code", code="000000").status_code == 401
    assert not is_signed_in(client)
    assert location(post(client, "/second-factor/code", code=person.code())) == "/"
    assert {row.identity.backend for row in gateway.parts.store.sessions.of_uid("DWho")} == {"ad"}
    assert "Unused codes: 10" in client.get("/second-factor").text
    person.next_step()
    assert location(post(client, "/second-factor/remove", code=person.code())) == "/second-factor"
    assert gateway.parts.store.second_factors.all() == []


def test_whoever_is_somebody_else_is_not_asked(build: Any, people: dict[str, People]) -> None:
    gateway = build("ldap", "ad", second_factor={"key": KEY})
    people["ldap"].add("s1", "dwho")
    people["ad"].add("a1", "rtyler")
    enrol(gateway)
    assert location(gateway.send_form(gateway.client(), "rtyler")) == "/"


def test_who_has_one_keeps_it_when_the_backend_can_have_none_any_more(
    build: Any, people: dict[str, People]
) -> None:
    gateway = build("ldap", "ad", second_factor={"key": KEY})
    for name in ("dwho", "rtyler"):
        people["ldap"].add(name, name)
    person = enrol(gateway)
    gateway.parts.factors._settings.backends.append("ad")
    assert location(gateway.send_form(gateway.client(), "rtyler")) == "/"
    client = person.password()
    assert location(post(client, "/second-factor/code", code=person.code())) == "/"
    person.next_step()
    assert location(post(client, "/second-factor/remove", code=person.code())) == "/second-factor"
    assert post(client, "/second-factor/begin").status_code == 404
