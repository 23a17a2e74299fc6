"""The second step of a sign-in: who is asked, what counts, what cannot be done twice."""

import html
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.authentication.conftest import USERS
from tests.authentication.factors.apps import App
from tests.authentication.factors.people import (
    enrol,
    is_signed_in,
    levels_of,
    location,
    post,
    svg_of,
    with_factor,
)
from tests.gateway import BuildGateway, LocalGateway


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    """Timelords (dwho) must have a second factor, others (rtyler) may."""
    return with_factor(build_gateway)


def test_without_a_key_nobody_hears_of_it(build_gateway: BuildGateway) -> None:
    gateway = build_gateway({}, users=USERS)
    client = gateway.client()
    assert location(gateway.send_form(client, "dwho")) == "/"
    assert client.get("/second-factor").status_code == 404
    assert "second-factor" not in client.get("/sessions").text
    assert location(client.get("/second-factor/code")) == "/login"


def test_whoever_must_have_one_sets_it_up_before_the_session(gateway: LocalGateway) -> None:
    person = enrol(gateway, wanted="/sessions")
    assert person.app.label == "Sign-in:dwho"
    assert person.app.service == "Sign-in"
    assert is_signed_in(person.client)
    assert levels_of(gateway, "dwho") == [2]


def test_the_pages_of_the_set_up_have_no_session(gateway: LocalGateway) -> None:
    client = gateway.client()
    gateway.send_form(client, "dwho")
    for path in ("/second-factor/set-up", "/"):
        page = client.get(path)
        assert "Sign out" not in page.text
    assert not is_signed_in(client)
    assert client.get("/jitsi/login?room=x").status_code == 303
    assert location(client.get("/second-factor/code")) == "/login"
    assert post(client, "/second-factor/set-up", code="000000").status_code == 401
    assert not is_signed_in(client)
    assert gateway.parts.store.sessions.of_uid("dwho") == []


def test_the_same_secret_until_it_is_set_up_and_another_next_time(gateway: LocalGateway) -> None:
    client = gateway.client()
    gateway.send_form(client, "dwho")
    first = App.scan(svg_of(client.get("/second-factor/set-up").text))
    assert App.scan(svg_of(post(client, "/second-factor/set-up", code="000000").text)) == first
    page = client.get("/second-factor/set-up").text
    assert " ".join(re.findall("....", first.secret)) in page
    gateway.send_form(client, "dwho")
    assert App.scan(svg_of(client.get("/second-factor/set-up").text)) != first


def test_a_code_after_the_password(gateway: LocalGateway) -> None:
    person = enrol(gateway)
    client = person.password(wanted="/jitsi/login?room=board")
    assert not is_signed_in(client)
    assert "Sign out" not in client.get("/second-factor/code").text
    assert location(post(client, "/second-factor/code", code=person.code())) == "/jitsi/login?room=board"
    assert is_signed_in(client)
    assert levels_of(gateway, "dwho") == [2, 2]


@pytest.mark.parametrize("typed", ["", "000000", "12345", "x" * 10_000, "٢٨٧٠٨٢", "\0"])
def test_a_wrong_code_does_not(gateway: LocalGateway, typed: str) -> None:
    person = enrol(gateway)
    client = person.password()
    answer = post(client, "/second-factor/code", code=typed)
    assert answer.status_code == 401
    assert "This code is wrong" in answer.text
    assert not is_signed_in(client)


def test_a_code_counts_once(gateway: LocalGateway) -> None:
    person = enrol(gateway)
    code = person.code()
    assert location(post(person.password(), "/second-factor/code", code=code)) == "/"
    for _ in range(2):
        assert post(person.password(), "/second-factor/code", code=code).status_code == 401
    assert post(person.password(), "/second-factor/code", code=person.code(-1)).status_code == 401
    assert location(post(person.password(), "/second-factor/code", code=person.code(1))) == "/"


def test_the_code_of_the_set_up_does_not_count_again(gateway: LocalGateway) -> None:
    person = enrol(gateway)
    gateway.clock.advance(-30)
    assert post(person.password(), "/second-factor/code", code=person.code()).status_code == 401


def test_of_many_browsers_with_one_code_one_gets_in(gateway: LocalGateway) -> None:
    person = enrol(gateway)
    code, clients = person.code(), [person.password() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda c: post(c, "/second-factor/code", code=code).status_code, clients))
    assert sorted(answers) == [303, 401, 401, 401]


def test_a_recovery_code_counts_once(gateway: LocalGateway) -> None:
    person = enrol(gateway)
    code = person.recovery[3]
    client = person.password()
    assert post(client, "/second-factor/code", code=code).status_code == 401
    assert location(post(client, "/second-factor/code", recovery=f" {code.upper()} ")) == "/"
    assert "Unused codes: 9" in client.get("/second-factor").text
    answer = post(person.password(), "/second-factor/code", recovery=code)
    assert answer.status_code == 401
    assert "none of your unused recovery codes" in html.unescape(answer.text)


def test_nobody_elses_code_counts(gateway: LocalGateway) -> None:
    doctor, rose = enrol(gateway), enrol(gateway, "rtyler")
    client = rose.password()
    assert post(client, "/second-factor/code", code=doctor.code()).status_code == 401
    assert post(client, "/second-factor/code", recovery=doctor.recovery[0]).status_code == 401
    assert location(post(doctor.password(), "/second-factor/code", recovery=doctor.recovery[0])) == "/"


def test_a_step_belongs_to_its_browser_and_is_done_once(gateway: LocalGateway) -> None:
    person = enrol(gateway)
    client, stranger = person.password(), gateway.client()
    assert location(post(stranger, "/second-factor/code", code=person.code())) == "/login"
    step = client.get_cookie("__Host-issuer_step")
    assert step
    assert (step.http_only, step.secure, step.same_site, step.max_age) == (True, True, "Lax", 300)
    assert step.value.encode() not in str(gateway.parts.store.sessions.all(10)).encode()
    assert location(post(client, "/second-factor/code", code=person.code())) == "/"
    assert client.get_cookie("__Host-issuer_step") is None
    stranger.set_cookie("__Host-issuer_step", step.value, secure=True)
    assert location(post(stranger, "/second-factor/code", code=person.code(1))) == "/login"
    stranger.set_cookie("__Host-issuer_session", step.value, secure=True)
    assert not is_signed_in(stranger)


def test_a_step_must_be_done_in_time(gateway: LocalGateway) -> None:
    """A code in five minutes: a new password in a directory ends no step. An app takes longer to set up."""
    person = enrol(gateway)
    client = person.password()
    gateway.clock.advance(301)
    assert location(post(client, "/second-factor/code", code=person.code())) == "/login"
    assert location(client.get("/second-factor/set-up")) == "/login"


def test_an_app_must_be_set_up_in_time(gateway: LocalGateway) -> None:
    client = gateway.client()
    gateway.send_form(client, "dwho")
    gateway.clock.advance(599)
    assert client.get("/second-factor/set-up").status_code == 200
    gateway.clock.advance(2)
    assert location(client.get("/second-factor/set-up")) == "/login"


def test_wrong_codes_bring_a_pause(gateway: LocalGateway) -> None:
    person = enrol(gateway)
    clients = [person.password() for _ in range(6)]
    answers = [post(client, "/second-factor/code", code="000000") for client in clients]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert "Please wait 10 seconds" in answers[-1].text
    assert post(clients[0], "/second-factor/code", code=person.code()).status_code == 429
    gateway.clock.advance(10)
    assert location(post(clients[0], "/second-factor/code", code=person.code())) == "/"
    again = [post(person.password(), "/second-factor/code", code="000000") for _ in range(4)]
    assert {answer.status_code for answer in again} == {401}


def test_the_right_password_does_not_forgive_wrong_codes(gateway: LocalGateway) -> None:
    person = enrol(gateway)
    for _ in range(5):
        post(person.password(), "/second-factor/code", code="000000")
    assert post(person.password(), "/second-factor/code", code=person.code()).status_code == 429
