"""Sessions: fresh ids, kept as hashes, with two lifetimes; everybody ends their own only."""

import base64
import re

import pytest
from sqlalchemy import create_engine, inspect, text
from werkzeug.test import TestResponse

from issuer.backends.local import LocalUsers
from issuer.portal.sessions import handle_of
from tests.authentication.conftest import JITSI, USERS
from tests.gateway import BuildGateway, LocalGateway

OURS = {"Sec-Fetch-Site": "same-origin"}
COOKIE = "__Host-issuer_session"


def cookies(answer: TestResponse) -> dict[str, str]:
    return {line.partition("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}


def value(line: str) -> str:
    return line.partition("=")[2].partition(";")[0]


def everything_stored(gateway: LocalGateway) -> str:
    engine = create_engine(gateway.parts.settings.store_url)
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        rows = [
            tuple(row) for table in tables for row in connection.execute(text(f'SELECT * FROM "{table}"'))
        ]
    engine.dispose()
    assert len(rows) > 5
    return repr(rows)


def test_cookies_with_https_are_bound_to_this_very_host(gateway: LocalGateway) -> None:
    answer = gateway.send_form(gateway.client(), "dwho")
    session, browser = cookies(answer)[COOKIE], cookies(answer)["__Host-issuer_browser"]
    for line in (session, browser):
        attributes = {part.strip() for part in line.split(";")[1:]}
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= attributes
        assert "Domain" not in line
    assert "Max-Age" not in session
    assert "Expires" not in session
    assert "Max-Age=15552000" in browser


def test_cookies_without_https_have_plain_names(build_gateway: BuildGateway) -> None:
    gateway = build_gateway({"public_url": "http://127.0.0.1:8080/"}, users=USERS)
    answer = gateway.send_form(gateway.client(), "dwho")
    assert set(cookies(answer)) == {"issuer_session", "issuer_browser"}
    for line in cookies(answer).values():
        attributes = {part.strip() for part in line.split(";")[1:]}
        assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= attributes
        assert "Secure" not in attributes


def test_the_session_id_has_256_bits_and_only_its_hash_is_stored(gateway: LocalGateway) -> None:
    client = gateway.client()
    found = [cookies(gateway.send_form(client, "dwho")) for _ in range(3)]
    assert len({value(lines[COOKIE]) for lines in found}) == 3, "new at every sign-in"
    stored = everything_stored(gateway)
    for lines in found:
        for line in lines.values():
            assert len(base64.urlsafe_b64decode(value(line) + "=")) == 32
            assert value(line) not in stored
            assert repr(base64.urlsafe_b64decode(value(line) + "="))[2:-1] not in stored


@pytest.mark.parametrize("planted", ["x", "A" * 43, "", '"a b"', "\xe4", "a" * 3000])
def test_an_id_that_somebody_planted_is_never_adopted(gateway: LocalGateway, planted: str) -> None:
    client = gateway.client()
    client.set_cookie(COOKIE, planted)
    client.set_cookie("__Host-issuer_browser", planted)
    assert client.get("/").status_code == 303
    given = cookies(gateway.send_form(client, "dwho"))
    assert all(value(line) != planted for line in given.values())
    other = gateway.client()
    other.set_cookie(COOKIE, planted)
    assert other.get("/").status_code == 303


def test_signing_in_again_ends_the_session_before(gateway: LocalGateway) -> None:
    client = gateway.sign_in("rtyler")
    before = client.get_cookie(COOKIE)
    assert before
    gateway.send_form(client, "dwho")
    assert "Dwho" in client.get("/").text
    other = gateway.client()
    other.set_cookie(COOKIE, before.value)
    assert other.get("/").status_code == 303


def test_a_session_that_nobody_uses_ends(gateway: LocalGateway) -> None:
    client = gateway.sign_in("dwho")
    for _ in range(3):
        gateway.clock.advance(7000)
        assert client.get("/").status_code == 200
    gateway.clock.advance(7201)
    assert client.get("/").status_code == 303


def test_a_session_ends_after_its_lifetime_however_it_is_used(gateway: LocalGateway) -> None:
    client = gateway.sign_in("dwho")
    for _ in range(11):
        gateway.clock.advance(3600)
        assert client.get("/").status_code == 200
    gateway.clock.advance(3599)
    assert client.get("/").status_code == 200
    gateway.clock.advance(1)
    assert client.get("/").status_code == 303


def handles(gateway: LocalGateway, uid: str) -> list[str]:
    return [handle_of(row) for row in gateway.parts.store.sessions.all() if row.identity.uid == uid]


def test_people_see_their_own_sessions_only(gateway: LocalGateway) -> None:
    client = gateway.sign_in("dwho")
    gateway.sign_in("dwho")
    gateway.sign_in("rtyler")
    shown = re.findall(r"/sessions/([0-9a-f]{16})/end", client.get("/sessions").text)
    assert sorted(shown) == sorted(handles(gateway, "dwho"))


def test_nobody_ends_the_session_of_somebody_else(gateway: LocalGateway) -> None:
    client, other = gateway.sign_in("dwho"), gateway.sign_in("rtyler")
    (handle,) = handles(gateway, "rtyler")
    for guess in (handle, handle.upper(), "0" * 16, "%00", "a" * 5000):
        assert client.post(f"/sessions/{guess}/end", headers=OURS).status_code == 404
    client.post("/sessions/end-others", headers=OURS)
    assert other.get("/").status_code == 200


def test_people_end_their_own_sessions(gateway: LocalGateway) -> None:
    client, second, third = (gateway.sign_in("dwho") for _ in range(3))
    (own,) = re.findall(
        r'action="/sessions/(\w+)/end"[^§]{0,200}in this browser', client.get("/sessions").text
    )
    other = next(handle for handle in handles(gateway, "dwho") if handle != own)
    assert client.post(f"/sessions/{other}/end", headers=OURS).location == "/sessions"
    assert sorted(c.get("/").status_code for c in (second, third)) == [200, 303]
    client.post("/sessions/end-others", headers=OURS)
    assert [c.get("/").status_code for c in (client, second, third)] == [200, 303, 303]
    answer = client.post(f"/sessions/{own}/end", headers=OURS)
    assert answer.location == "/logout"
    assert value(cookies(answer)[COOKIE]) == ""
    assert client.get("/").status_code == 303


def test_two_cookies_of_one_name_give_one_session_or_none(gateway: LocalGateway) -> None:
    cookie = gateway.sign_in("dwho").get_cookie(COOKIE)
    assert cookie
    client = gateway.app.test_client(use_cookies=False)
    first = {"Cookie": f"{COOKIE}={cookie.value}; {COOKIE}=junk"}
    last = {"Cookie": f"{COOKIE}=junk; {COOKIE}={cookie.value}"}
    assert client.get("/", headers=first).status_code == 200
    assert client.get("/", headers=last).status_code == 303


def users(gateway: LocalGateway) -> LocalUsers:
    return LocalUsers(gateway.parts.services, shortest_password=1)


def test_a_session_of_a_changed_user_is_refreshed_at_once(build_gateway: BuildGateway) -> None:
    rule = {**JITSI, "rule": 'inGroup("timelords")'}
    gateway = build_gateway({"modules": {"jitsi": rule}}, users=USERS)
    client = gateway.sign_in("rtyler")
    assert client.get("/jitsi/login?room=x").status_code == 403
    users(gateway).change("rtyler", {"cn": "Bad Wolf"}, ("timelords",))
    assert client.get("/jitsi/login?room=x").status_code == 302
    assert "Bad Wolf" in client.get("/").text


def test_sessions_of_a_removed_disabled_or_changed_account_end_at_once(gateway: LocalGateway) -> None:
    for change in (
        lambda: users(gateway).set_password("dwho", "new"),
        lambda: users(gateway).change("dwho", {}, enabled=False),
        lambda: users(gateway).remove("dwho"),
    ):
        client = gateway.sign_in("dwho")
        other = gateway.sign_in("rtyler")
        change()
        assert client.get("/").status_code == 303
        assert other.get("/").status_code == 200


def test_every_instance_of_the_local_backend_is_told_of_changes(build_gateway: BuildGateway) -> None:
    gateway = build_gateway({"backends": {"staff": {"type": "local"}}}, users=USERS)
    client = gateway.client()
    gateway.send_form(client, "dwho")
    assert client.get("/").status_code == 200
    LocalUsers(gateway.parts.services, ("staff",)).change("dwho", {}, enabled=False)
    assert client.get("/").status_code == 303
