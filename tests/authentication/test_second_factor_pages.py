"""Looking after a second factor, rules that ask for one, and what no step gives away."""

import html
import logging
import re
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from issuer.authentication.factors.vault import Vault
from issuer.authentication.flow import LoginFlows
from issuer.backends.local import LocalUsers
from issuer.settings.problems import ConfigError
from issuer.store import Session, StoreError
from issuer.store.repositories import second_factors
from tests.authentication.conftest import JITSI, USERS
from tests.authentication.factors.apps import App
from tests.authentication.factors.people import (
    KEY,
    codes_in,
    enrol,
    is_signed_in,
    location,
    post,
    svg_of,
    with_factor,
)
from tests.gateway import BuildGateway, LocalGateway

T = TypeVar("T")


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    """Timelords (dwho) must have a second factor, others (rtyler) may."""
    return with_factor(build_gateway)


def test_others_may(gateway: LocalGateway) -> None:
    client = gateway.client()
    assert location(gateway.send_form(client, "rtyler")) == "/"
    assert "/second-factor" in client.get("/sessions").text
    assert "Set it up" in client.get("/second-factor").text
    person = enrol(gateway, "rtyler")
    assert "Unused codes: 10" in person.client.get("/second-factor").text
    assert location(post(person.password(), "/second-factor/code", code=person.code())) == "/"


def test_forms_are_taken_from_our_own_pages_only(gateway: LocalGateway) -> None:
    person = enrol(gateway)
    client = person.password()
    setting_up = gateway.sign_in("rtyler")
    post(setting_up, "/second-factor/begin")
    used = {
        "code": client,
        "set-up": setting_up,
        "begin": setting_up,
        "remove": person.client,
        "recovery-codes": person.client,
    }
    for path, one in used.items():
        answer = one.post(f"/second-factor/{path}", data={"code": person.code()})
        assert answer.status_code == 403, path


def test_whoever_is_locked_out_meanwhile_stays_out(gateway: LocalGateway) -> None:
    person = enrol(gateway)
    users = LocalUsers(gateway.parts.services, shortest_password=1)
    first, second = person.password(), person.password()
    users.set_password("dwho", "dwho")
    assert location(post(first, "/second-factor/code", code=person.code())) == "/login"
    client = person.password(second)
    users.change("dwho", {}, enabled=False)
    assert location(post(client, "/second-factor/code", code=person.code(1))).startswith("/login")
    assert gateway.parts.store.sessions.of_uid("dwho") == []


def test_a_removed_user_leaves_no_factor(gateway: LocalGateway) -> None:
    enrol(gateway)
    LocalUsers(gateway.parts.services).remove("dwho")
    assert gateway.parts.store.second_factors.all() == []


def test_removing_needs_a_fresh_code(gateway: LocalGateway) -> None:
    person = enrol(gateway, "rtyler")
    wrong = post(person.client, "/second-factor/remove", code="000000")
    assert wrong.status_code == 401
    assert "This code is wrong" in wrong.text
    code = person.code()
    post(person.password(), "/second-factor/code", code=code)
    assert post(person.client, "/second-factor/remove", code=code).status_code == 401
    assert location(post(person.client, "/second-factor/begin")) == "/second-factor"
    person.next_step()
    assert location(post(person.client, "/second-factor/remove", code=person.code())) == "/second-factor"
    assert "Set it up" in person.client.get("/second-factor").text
    assert location(gateway.send_form(gateway.client(), "rtyler")) == "/"
    other = enrol(gateway, "rtyler")
    assert other.app.secret != person.app.secret
    assert post(other.password(), "/second-factor/code", recovery=person.recovery[0]).status_code == 401


def test_new_recovery_codes_need_a_fresh_code_and_replace_the_old(gateway: LocalGateway) -> None:
    person = enrol(gateway)
    assert post(person.client, "/second-factor/recovery-codes", code="000000").status_code == 401
    answer = post(person.client, "/second-factor/recovery-codes", code=person.code())
    fresh = codes_in(answer.text)
    assert len(set(fresh) | set(person.recovery)) == 20
    assert post(person.password(), "/second-factor/code", recovery=person.recovery[0]).status_code == 401
    assert location(post(person.password(), "/second-factor/code", recovery=fresh[0])) == "/"


def test_setting_up_at_will_needs_a_recent_sign_in(gateway: LocalGateway) -> None:
    """Whoever finds a browser that is signed in does not make the account their own."""
    client = gateway.sign_in("rtyler")
    gateway.clock.advance(301)
    assert "Sign in again" in client.get("/second-factor").text
    login = location(post(client, "/second-factor/begin"))
    assert login.startswith("/login?since=")
    goal = re.search(r'name="next" value="([^"]+)"', client.get(login).text)
    assert goal
    answer = gateway.send_form(client, "rtyler", html.unescape(goal[1]))
    assert location(client.get(location(answer))) == "/second-factor"
    assert "Sign in again" not in client.get("/second-factor").text
    assert location(post(client, "/second-factor/begin")) == "/second-factor/set-up"


def test_setting_up_at_will_belongs_to_who_began(gateway: LocalGateway) -> None:
    client = gateway.sign_in("rtyler")
    post(client, "/second-factor/begin")
    app = App.scan(svg_of(client.get("/second-factor/set-up").text))
    other = gateway.sign_in("dwho").get_cookie("__Host-issuer_session")
    assert other
    client.set_cookie("__Host-issuer_session", other.value, secure=True)
    answer = post(client, "/second-factor/set-up", code=app.code(gateway.clock.now()))
    assert location(answer).startswith("/login")
    assert gateway.parts.store.second_factors.all() == []


def end_first(monkeypatch: pytest.MonkeyPatch, end: Callable[[], object]) -> None:
    """Let something end when all has been looked at, and nothing is written yet."""
    finish = LoginFlows.finish_with

    def late(flows: LoginFlows, work: Callable[[], T | None], session: Session | None) -> T | None:
        end()
        return finish(flows, work, session)

    monkeypatch.setattr(LoginFlows, "finish_with", late)


def test_nobody_sets_up_an_app_with_a_password_that_was_changed_meanwhile(
    gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = gateway.client()
    gateway.send_form(client, "dwho")
    app = App.scan(svg_of(client.get("/second-factor/set-up").text))
    users = LocalUsers(gateway.parts.services)
    end_first(monkeypatch, lambda: users.set_password("dwho", "another password"))
    answer = post(client, "/second-factor/set-up", code=app.code(gateway.clock.now()))
    assert location(answer).startswith("/login")
    assert gateway.parts.store.second_factors.all() == []
    assert not is_signed_in(client)


def test_nobody_sets_up_an_app_with_a_session_that_was_ended_meanwhile(
    gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = gateway.sign_in("rtyler")
    post(client, "/second-factor/begin")
    app = App.scan(svg_of(client.get("/second-factor/set-up").text))
    end_first(monkeypatch, lambda: gateway.parts.store.sessions.end_of_uid("rtyler"))
    answer = post(client, "/second-factor/set-up", code=app.code(gateway.clock.now()))
    assert location(answer).startswith("/login")
    assert gateway.parts.store.second_factors.all() == []


def test_an_app_that_could_not_be_kept_can_be_set_up_again(
    gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = gateway.client()
    gateway.send_form(client, "dwho")
    app = App.scan(svg_of(client.get("/second-factor/set-up").text))
    code = app.code(gateway.clock.now())
    with monkeypatch.context() as patch:
        patch.setattr(second_factors, "_put_codes", fail)
        assert post(client, "/second-factor/set-up", code=code).status_code == 503
    assert post(client, "/second-factor/set-up", code=code).status_code == 200
    assert is_signed_in(client)


def fail(*_: object) -> None:
    raise StoreError("the disk is full")


def test_two_windows_set_up_one_app(gateway: LocalGateway) -> None:
    first, second = gateway.client(), gateway.client()
    apps = []
    for client in (first, second):
        gateway.send_form(client, "dwho")
        apps.append(App.scan(svg_of(client.get("/second-factor/set-up").text)))
    now = gateway.clock.now()
    assert post(first, "/second-factor/set-up", code=apps[0].code(now)).status_code == 200
    assert location(post(second, "/second-factor/set-up", code=apps[1].code(now))) == "/login"
    assert not is_signed_in(second)


def test_a_rule_can_ask_for_it(build_gateway: BuildGateway) -> None:
    rule = {"rule": "authLevel >= 2"}
    gateway = build_gateway(
        {"modules": {"jitsi": {**JITSI, **rule}}, "second_factor": {"key": KEY}}, users=USERS
    )
    client = gateway.client()
    assert location(gateway.send_form(client, "rtyler")) == "/"
    stronger = location(client.get("/jitsi/login?room=x"))
    assert stronger == "/login?level=2&next=/jitsi/login%3Froom%3Dx"
    goal = re.search(r'name="next" value="([^"]+)"', client.get(stronger).text)
    assert goal
    answer = gateway.send_form(client, "rtyler", html.unescape(goal[1]))
    assert location(answer) == "/second-factor/set-up"
    app = App.scan(svg_of(client.get("/second-factor/set-up").text))
    done = post(client, "/second-factor/set-up", code=app.code(gateway.clock.now()))
    onward = re.search(r'class="button primary" href="([^"]+)"', done.text)
    assert onward
    assert location(client.get(html.unescape(onward[1]))) == "/jitsi/login?room=x"
    assert client.get("/jitsi/login?room=x").status_code == 302


def test_a_rule_that_fails_asks_for_it(build_gateway: BuildGateway, caplog: pytest.LogCaptureFixture) -> None:
    gateway = with_factor(build_gateway, 'attributes["nowhere"][0] == "x"')
    assert location(gateway.send_form(gateway.client(), "rtyler")) == "/second-factor/set-up"
    assert "second_factor.required fails" in caplog.text


def test_a_rule_sees_the_address(build_gateway: BuildGateway) -> None:
    gateway = with_factor(build_gateway, '!isInNet("127.0.0.0/8")')
    assert location(gateway.send_form(gateway.client(), "dwho")) == "/"


def test_only_the_backends_that_are_named(build_gateway: BuildGateway) -> None:
    backends = {"local": {}, "others": {"type": "local"}}
    more = {"backends": backends, "sign_in": {"same_people": [["local", "others"]]}}
    gateway = with_factor(build_gateway, "accept", second_factor={"backends": ["others"]}, **more)
    assert location(gateway.send_form(gateway.client(), "dwho")) == "/"
    client = gateway.sign_in("dwho")
    assert "set it up there" in client.get("/second-factor").text
    assert post(client, "/second-factor/begin").status_code == 404


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"required": "accept"}, "key is missing"),
        ({"backends": ["local"]}, "key is missing"),
        ({"key": "short"}, "second_factor.*too short"),
        ({"key": KEY, "required": "inGrup('x')"}, "inGrup"),
        ({"key": KEY, "backends": ["nowhere"]}, '"nowhere" is no login backend with a form'),
    ],
)
def test_contradictions_stop_the_start(
    build_gateway: BuildGateway, options: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(ConfigError, match=remedy):
        build_gateway({"second_factor": options})


def test_another_key_lets_nobody_in(build_gateway: BuildGateway) -> None:
    gateway = with_factor(build_gateway)
    person = enrol(gateway)
    client = person.password()
    gateway.parts.factors._vault = Vault(SecretStr("1f2e" * 16), gateway.parts.world.randomness)
    assert post(client, "/second-factor/code", code=person.code()).status_code == 503
    assert not is_signed_in(client)


def test_without_the_key_the_password_alone_lets_in_only_who_has_no_second_factor(
    build_gateway: BuildGateway,
) -> None:
    gateway = with_factor(build_gateway)
    enrol(gateway)
    gateway.parts.factors._vault = None
    client = gateway.client()
    assert gateway.send_form(client, "dwho").status_code == 503
    assert not is_signed_in(client)
    assert location(gateway.send_form(gateway.client(), "rtyler")) == "/"


def test_the_log_tells_the_story_and_no_secret(
    gateway: LocalGateway, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        person = enrol(gateway)
        code = person.code()
        post(person.password(), "/second-factor/code", code="000000")
        post(person.password(), "/second-factor/code", code=code)
        post(person.password(), "/second-factor/code", recovery=person.recovery[0])
        person.next_step()
        post(person.client, "/second-factor/recovery-codes", code=person.code())
        person.next_step()
        post(person.client, "/second-factor/remove", code=person.code())
    events = [r.msg["event"] for r in caplog.records if isinstance(r.msg, dict)]
    assert events == [
        "second_factor_set_up",
        "signed_in",
        "second_factor_failed",
        "signed_in",
        "recovery_code_used",
        "signed_in",
        "recovery_codes_renewed",
        "second_factor_removed",
    ]
    for secret in (person.app.secret, *person.recovery, code):
        assert secret not in caplog.text


def test_no_secret_is_in_the_database(gateway: LocalGateway) -> None:
    waiting = gateway.client()
    gateway.send_form(waiting, "dwho")
    pending = App.scan(svg_of(waiting.get("/second-factor/set-up").text))
    person = enrol(gateway)
    person.password()
    files = gateway.parts.settings.data_dir.glob("issuer.db*")
    stored = b"\n".join(file.read_bytes() for file in files)
    for secret in (pending.secret, person.app.secret, *person.recovery):
        assert secret.encode() not in stored
        assert secret.replace("-", "").encode() not in stored
