"""Nothing of a sign-in at a provider is in a log, at any level, or in the store."""

import logging
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.backends.oidc.conftest import BuildHouse
from tests.backends.oidc.test_logout import claims_for
from tests.backends.oidc.trips import BACK_CHANNEL, INSTANCE, House, changed, parameter, pending_cookie


def store_of(house: House) -> bytes:
    """Return every byte of the database."""
    file = house.gateway.parts.settings.data_dir / "issuer.db"
    return b"".join(
        Path(f"{file}{end}").read_bytes() for end in ("", "-wal") if Path(f"{file}{end}").exists()
    )


def test_no_secret_is_logged_or_kept(build_house: BuildHouse, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, logger="urllib3")  # the browser of this test
    house = build_house()
    browser = house.browser()
    location = browser.begin("/sessions")
    pending = browser.client.get_cookie(pending_cookie(parameter(location, "state")))
    assert pending
    answer = browser.visit.sign_in(location, "rose")
    house.provider.once("/token", keep="logged")
    browser.come_back(answer)
    assert browser.signed_in()
    tokens = house.provider.control("kept", name="logged")
    logout = house.provider.control("token", header={"typ": "logout+jwt"}, claims=claims_for(house))
    browser.client.post(BACK_CHANNEL, data={"logout_token": logout})
    thief = house.browser()
    thief.come_back(changed(answer, state=parameter(thief.begin(), "state")))
    for changes in ({"claims": {"nonce": "x"}}, {"header": {"alg": "none"}}):
        again = house.browser()
        back = again.visit.sign_in(again.begin(), "rose")
        house.provider.once("/token", token=changes)
        again.come_back(back)

    settings = house.gateway.parts.backends[INSTANCE].settings
    secrets = {
        "code": parameter(answer, "code"),
        "state": parameter(location, "state"),
        "nonce": parameter(location, "nonce"),
        "cookie": pending.value,
        "client secret": settings.client_secret.get_secret_value(),
        "logout token": logout,
        **{name: tokens[name] for name in ("id_token", "access_token")},
    }
    kept = store_of(house)
    for name, secret in secrets.items():
        assert len(secret) > 15, name
        assert secret not in unquote(caplog.text), name
        assert secret.encode() not in kept, name
    assert "signed_out_upstream" in caplog.text
