"""Wrong codes: what they pause and whom they spare; and codes that are not used up in vain."""

from typing import Any

import pytest

from tests.authentication.backends import People, people
from tests.authentication.factors.people import KEY, OURS, Enrolled, enrol, is_signed_in, location, post
from tests.core.people import build
from tests.gateway import LocalGateway

__all__ = ["build", "people"]


@pytest.fixture
def gateway(build: Any, people: dict[str, People]) -> LocalGateway:
    """A directory whose people must have a second factor."""
    gateway: LocalGateway = build("ldap", second_factor={"key": KEY, "required": "accept"})
    people["ldap"].add("s1", "dwho")
    return gateway


STRANGER = {"REMOTE_ADDR": "198.51.100.9"}


def _guess(person: Enrolled, number: int) -> list[int]:
    """Give the right password and wrong codes, from a browser and an address that are not theirs."""
    client, path = person.password(), "/second-factor/code"
    forms = [{"code": "000000"}] * number + [{"recovery": "abcd-efgh-2345-6777"}] * number
    answers = [client.post(path, data=form, headers=OURS, environ_overrides=STRANGER) for form in forms]
    return [answer.status_code for answer in answers]


def test_who_knows_only_the_password_does_not_lock_the_owner_out(gateway: LocalGateway) -> None:
    """Their own browser has a limit of its own; recovery codes help in a new one."""
    person = enrol(gateway)
    assert _guess(person, 6) == [401] * 5 + [429] + [401] * 5 + [429]
    own, new = person.password(person.client), person.password()
    assert post(new, "/second-factor/code", code=person.code()).status_code == 429
    assert location(post(own, "/second-factor/code", code=person.code())) == "/"
    assert location(post(new, "/second-factor/code", recovery=person.recovery[0])) == "/"
    person.next_step()
    assert location(post(person.client, "/second-factor/remove", code=person.code())) == "/second-factor"


def test_the_own_browser_has_a_limit_too(gateway: LocalGateway) -> None:
    person = enrol(gateway)
    client = person.password(person.client)
    answers = [post(client, "/second-factor/code", code="000000") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert location(post(person.password(), "/second-factor/code", code=person.code())) == "/"


def test_a_browser_that_signed_in_before_the_app_was_set_up_is_not_spared(build: Any) -> None:
    """It may be that of somebody who knows the password: why the owner sets an app up."""
    gateway = build("local", users={"dwho": ()}, second_factor={"key": KEY})
    thief = gateway.client()
    assert location(gateway.send_form(thief, "dwho")) == "/"
    gateway.clock.advance(1)
    person = enrol(gateway)
    person.password(thief)
    for _ in range(5):
        post(thief, "/second-factor/code", code="000000")
    assert post(thief, "/second-factor/code", code="000000").status_code == 429
    assert post(person.password(), "/second-factor/code", code=person.code()).status_code == 429
    assert location(post(person.password(person.client), "/second-factor/code", code=person.code())) == "/"


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
