"""Device authorization (RFC 8628)."""

import logging
import re
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from modules.oidc.settings import DEVICE_CODE
from modules.oidc.store.devices import Device, Devices
from modules.oidc.store.tables import grants
from tests.modules.oidc.attacks import attack
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import OURS, Provider, claims_of

TV = {"tv": {"name": "Television", "grant_types": [DEVICE_CODE, "refresh_token"]}}


def begin(provider: Provider) -> dict[str, Any]:
    found: dict[str, Any] = provider.post("/device_authorization", "tv", scope="openid profile").get_json()
    return found


def poll(provider: Provider, device_code: str) -> TestResponse:
    return provider.token("tv", grant_type=DEVICE_CODE, device_code=device_code)


def decide(browser: FlaskClient, user_code: str, decision: str) -> TestResponse:
    return send(browser, browser.get("/oidc/device", query_string={"user_code": user_code}), decision)


def send(browser: FlaskClient, page: TestResponse, decision: str) -> TestResponse:
    assert page.status_code == 200
    fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.get_data(as_text=True))
    data = {name: unescape(value) for name, value in fields} | {"decision": decision}
    return browser.post("/oidc/device", data=data, headers=OURS)


def test_somebody_lets_a_device_in(make_provider: MakeProvider) -> None:
    provider = make_provider(clients=TV)
    begun = begin(provider)
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", begun["user_code"])
    assert begun["verification_uri_complete"].endswith(f"/oidc/device?user_code={begun['user_code']}")
    assert poll(provider, begun["device_code"]).get_json()["error"] == "authorization_pending"
    browser = provider.gateway.sign_in("dwho")
    typed = begun["user_code"].lower().replace("-", " ")
    assert "Television" in browser.get("/oidc/device", query_string={"user_code": typed}).get_data(
        as_text=True
    )
    assert decide(browser, typed, "allow").status_code == 200
    tokens = poll(provider, begun["device_code"]).get_json()
    assert claims_of(tokens["id_token"])["aud"] == "tv"
    assert provider.userinfo(tokens["access_token"]).get_json()["name"] == "Dwho"
    assert provider.refresh(tokens["refresh_token"], "tv").status_code == 200
    assert poll(provider, begun["device_code"]).get_json()["error"] == "invalid_grant"
    browser.post("/logout", headers=OURS)
    assert provider.is_good(tokens["access_token"])


def test_or_not(make_provider: MakeProvider) -> None:
    provider = make_provider(clients=TV)
    begun = begin(provider)
    decide(provider.gateway.sign_in("dwho"), begun["user_code"], "deny")
    assert poll(provider, begun["device_code"]).get_json()["error"] == "access_denied"


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_of_two_who_decide_at_the_same_moment_the_second_is_told_so_and_changes_nothing(
    make_provider: MakeProvider,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    decision: str,
) -> None:
    provider = make_provider(clients=TV)
    begun, find = begin(provider), Devices.waiting
    first, second = provider.gateway.sign_in("dwho"), provider.gateway.sign_in("rtyler")

    def find_slowly(devices: Devices, user_hash: bytes) -> Device | None:
        found = find(devices, user_hash)
        monkeypatch.undo()
        assert decide(first, begun["user_code"], "deny").status_code == 200
        return found

    page = second.get("/oidc/device", query_string={"user_code": begun["user_code"]})
    monkeypatch.setattr(Devices, "waiting", find_slowly)
    caplog.set_level(logging.INFO, "issuer.audit")
    assert send(second, page, decision).status_code == 404
    assert "consent_given" not in caplog.text
    assert poll(provider, begun["device_code"]).get_json()["error"] == "access_denied"
    with provider.gateway.parts.store.database.read() as connection:
        assert not connection.execute(select(grants).where(grants.c.revoked_at.is_(None))).all()


def test_impatient_devices_are_slowed_down_and_all_expire(make_provider: MakeProvider) -> None:
    provider = make_provider(clients=TV)
    begun = begin(provider)
    errors = []
    for wait in (0, 1, 10, 600):
        provider.gateway.clock.advance(wait)
        errors.append(poll(provider, begun["device_code"]).get_json()["error"])
    assert errors == ["authorization_pending", "slow_down", "authorization_pending", "expired_token"]


def test_user_codes_cannot_be_guessed(make_provider: MakeProvider) -> None:
    """RFC 8628 §5.1."""
    provider = make_provider(clients=TV)
    browser = provider.gateway.sign_in("dwho")
    statuses = {
        browser.get(f"/oidc/device?user_code=BBBB-BBB{letter}").status_code for letter in "BCDFGHJKLMNP"
    }
    assert statuses == {404, 429}


@attack
def test_nobody_lets_a_device_in_by_opening_somebodys_page(make_provider: MakeProvider) -> None:
    """CSRF on consent, of a device (RFC 8628 §5.4, RFC 9700 §4.7)."""
    provider = make_provider(clients=TV)
    begun, browser = begin(provider), provider.gateway.sign_in("dwho")
    page = browser.get("/oidc/device", query_string={"user_code": begun["user_code"]})
    assert page.headers["X-Frame-Options"] == "DENY"
    fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    data = {name: unescape(value) for name, value in fields} | {"decision": "allow"}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
        assert browser.post("/oidc/device", data=data, headers=headers).status_code == 403
    other = provider.gateway.sign_in("rtyler")
    assert other.post("/oidc/device", data=data, headers=OURS).location == "/oidc/device"
    assert poll(provider, begun["device_code"]).get_json()["error"] == "authorization_pending"


def test_another_client_gets_nothing_and_the_rule_is_asked(make_provider: MakeProvider) -> None:
    provider = make_provider(clients={**TV, "box": TV["tv"]}, rule='inGroup("timelords")')
    begun = begin(provider)
    stolen = provider.token("box", grant_type=DEVICE_CODE, device_code=begun["device_code"])
    assert stolen.get_json()["error"] == "invalid_grant"
    assert decide(provider.gateway.sign_in("rtyler"), begun["user_code"], "allow").status_code == 403
    assert poll(provider, begun["device_code"]).get_json()["error"] == "authorization_pending"
    assert provider.post("/device_authorization", "app").get_json()["error"] == "unauthorized_client"
