"""Wrong codes: what they pause and whom they spare; and codes that are not used up in vain."""

from typing import Any

import pytest

from tests.core.people import build
from tests.gateway import LocalGateway
from tests.portal.backends import People, people
from tests.second_factor.people import KEY, enrol, is_signed_in, location, post

__all__ = ["build", "people"]


@pytest.fixture
def gateway(build: Any, people: dict[str, People]) -> LocalGateway:
    """A directory whose people must have a second factor."""
    gateway: LocalGateway = build("ldap", second_factor={"key": KEY, "required": "accept"})
    people["ldap"].add("s1", "dwho")
    return gateway


def test_no_code_is_used_up_while_the_directory_is_down(
    gateway: LocalGateway, people: dict[str, People]
) -> None:
    person = enrol(gateway)
    client = person.password()
    people["ldap"].down = True
    assert post(client, "/second-factor/code", recovery=person.recovery[0]).status_code == 503
    assert post(client, "/second-factor/code", code=person.code()).status_code == 503
    assert not is_signed_in(client)
    people["ldap"].down = False
    assert location(post(client, "/second-factor/code", code=person.code())) == "/"
    assert location(post(person.password(), "/second-factor/code", recovery=person.recovery[0])) == "/"


def test_no_code_is_used_up_by_who_is_gone(gateway: LocalGateway, people: dict[str, People]) -> None:
    person = enrol(gateway)
    client, entry = person.password(), people["ldap"].known.pop("s1")
    assert location(post(client, "/second-factor/code", recovery=person.recovery[0])).startswith("/login")
    people["ldap"].known["s1"] = entry
    assert location(post(person.password(), "/second-factor/code", recovery=person.recovery[0])) == "/"


def test_the_directory_is_not_asked_during_a_pause(gateway: LocalGateway, people: dict[str, People]) -> None:
    person = enrol(gateway)
    client = person.password()
    for _ in range(5):
        post(client, "/second-factor/code", code="000000")
    before = len(people["ldap"].calls)
    assert post(client, "/second-factor/code", code=person.code()).status_code == 429
    assert len(people["ldap"].calls) == before
