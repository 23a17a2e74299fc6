"""Invariant 1 with every module, when things fail too: see test_invariants.py for the portal's part."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from issuer.settings.base import Context
from issuer.settings.problems import ConfigError
from issuer.store import Issuances
from issuer.testing import open_gateway, tokens_in
from issuer.wiring.configuration import Configuration, parse
from tests.core.house import HMAC, RING, SECRET, House, Told
from tests.modules.livekit.calls import Homeserver
from tests.modules.livekit.sfu import SECRET as SFU_SECRET
from tests.modules.livekit.sfu import Sfu, refuses
from tests.upstream.authority import Authority

OPENID = "OpEnIdMaRkEr"
EVERY_SECRET = {SECRET, SFU_SECRET, OPENID}


@pytest.fixture
def house(tmp_path: Path, authority: Authority, homeserver: Homeserver, sfu: Sfu) -> Iterator[House]:
    found = House(tmp_path, authority, homeserver, sfu)
    homeserver.subs[OPENID] = homeserver.user
    yield found
    found.close()


@pytest.fixture
def told() -> Iterator[Told]:
    with Told() as everything:
        yield everything


def openid(house: House) -> dict[str, Any]:
    return house.call.openid(access_token=OPENID)


def leaks(house: House, told: Told, secrets: set[str]) -> list[tuple[str, str]]:
    """Return which secret is in which place."""
    places = {"log": told.text, "metrics": house.counted(), "tables": house.stored().decode("latin-1")}
    return [(place, secret) for place, text in places.items() for secret in secrets if secret in text]


def test_invariant_1_tokens_that_are_given_out_are_nowhere_else(house: House, told: Told) -> None:
    """No token, secret, password, cookie or OpenID token in any log, error, metric or table."""
    answers = [*house.asks(), house.call.get_token(openid_token=openid(house))]
    tokens = [tokens_in(answer) for answer in answers]
    assert all(len(found) == 1 for found in tokens)
    signatures = {token.rpartition(".")[2] for found in tokens for token in found}
    assert leaks(house, told, signatures | EVERY_SECRET) == []
    assert told.text.count("token_issued") >= 2 * len(answers)
    assert 'issuer_issuances_total{instance="livekit",outcome="issued"} 3.0' in house.counted()
    assert not any(secret in answer.text for answer in answers for secret in EVERY_SECRET)


def test_invariant_1_refusals_tell_nothing(house: House, told: Told, sfu: Sfu) -> None:
    """No token, secret, password, cookie or OpenID token in any log, error, metric or table."""
    call = house.call
    sfu.refusal = refuses(503, "unavailable")
    answers = [
        call.get_token(openid_token=openid(house)),
        call.get_token(openid_token={**openid(house), "access_token": OPENID + "x"}),
        call.get_token(openid_token={**openid(house), "matrix_server_name": "localhost:1"}),
        call.get_token(openid_token={**openid(house), "expires_in": OPENID}),
        call.get_token(openid_token=OPENID),
        call.sfu_get(openid_token=openid(house), device_id=None),
        call.post("/get_token", f'{{"openid_token": {{"access_token": "{OPENID}"'.encode()),
        call.post(f"/{OPENID}", b""),
    ]
    assert {answer.status_code for answer in answers} == {400, 401, 404, 500}
    assert not any(tokens_in(answer) for answer in answers)
    assert not any(secret in answer.text for answer in answers for secret in EVERY_SECRET)
    found = leaks(house, told, EVERY_SECRET)
    assert found == [("log", OPENID)] * bool(told.text.count(f"/{OPENID}")), (
        "but in the path that was asked for"
    )
    assert told.text.replace(f"/livekit/jwt/{OPENID}", "").count(OPENID) == 0


def test_invariant_1_unknown_errors_tell_nothing(
    house: House, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No token, secret, password, cookie or OpenID token in any log, error, metric or table."""
    made: list[str] = []

    def fail(_: Issuances, *rows: Any, **__: Any) -> None:
        made.extend(row.token_id for row in rows)
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(Issuances, "record", fail)
    answers = [*house.asks(), house.call.get_token(openid_token=openid(house))]
    assert {answer.status_code for answer in answers} == {500}
    assert len(made) == len(answers)
    assert "RuntimeError: nobody expected this" in told.text
    assert leaks(house, told, EVERY_SECRET | {"eyJ"}) == []
    for answer in answers:
        assert not tokens_in(answer)
        assert not any(text in answer.text for text in (*EVERY_SECRET, "nobody expected", "RuntimeError"))


def wrong(**sections: Any) -> dict[str, Any]:
    return {"public_url": "https://auth.example.com/", **sections}


def client(**options: Any) -> dict[str, Any]:
    """A provider with one client."""
    redirect = {"redirect_uris": ["https://wiki.example.com/callback"]}
    return wrong(modules={"oidc": {"clients": {"wiki": {**redirect, **options}}}})


LIVEKIT = {"url": "wss://sfu.example.com", "api_key": "k", "full_access_homeservers": ["example.com"]}
SHORT = "ShOrTmArKeR"
WRONG = [
    wrong(modules={"jitsi": {**HMAC, "app_secret": SHORT}}),
    wrong(modules={"jitsi": {**HMAC, "app_secret": [SECRET]}}),
    wrong(modules={"jitsi": {**HMAC, "app_secret_file": "x"}}),
    wrong(modules={"jitsi": {**HMAC, "app_secret": {"value": SECRET}}}),
    wrong(modules={"jitsi": {**HMAC, "ap_secret": SECRET}}),
    wrong(modules={"jitsi": {**RING, "app_secret": SECRET}}),
    wrong(modules={"jitsi": {**RING, "algorithm": "HS256", "app_secret_file": SECRET}}),
    wrong(modules={"jitsi": {**RING, "algorithm": "HS256", "app_secret_env": SECRET}}),
    wrong(modules={"livekit": {**LIVEKIT, "api_secret": SHORT}}),
    wrong(modules={"livekit": {**LIVEKIT, "api_secret": 12, "api_secret_file": SECRET}}),
    wrong(modules={"livekit": {**LIVEKIT, "api_secret_key": SECRET}}),
    wrong(modules={"livekit": {**LIVEKIT, "redis_url": f"http://:{SECRET}@redis"}}),
    wrong(modules={"livekit": {**LIVEKIT, "redis_url": f"redis://:{SECRET}@redis:port"}}),
    wrong(modules={"livekit": {**LIVEKIT, "homeservers": [{"name": "https://x", "as_token": SECRET}]}}),
    wrong(modules={"livekit": {**LIVEKIT, "homeservers": [{"name": "x", "as_token": f"{SECRET} x"}]}}),
    client(secret=SHORT),
    client(secret=[SECRET]),
    client(secret={"value": SECRET}),
    client(secrets=SECRET),
    client(secret=SECRET, secret_file="x"),
    client(secret_file=SECRET),
    client(secret_env=SECRET),
    client(secret=SECRET, jwks_file="keys.json"),
    client(secret=SECRET, authentication="private_key_jwt"),
    client(secret=SECRET, redirect_uris=[]),
    wrong(modules={"nothing": {"app_secret": SECRET}}),
    wrong(store={"url": f"mysql://issuer:{SECRET}@db/issuer"}),
    wrong(store={"url": f"postgresql://issuer:{SECRET}@[::/issuer"}),
    wrong(store={"url": f"sqlite://{SECRET}/x"}),
    wrong(store={"url": [SECRET]}),
    wrong(store={"uri": f"postgresql://issuer:{SECRET}@db/issuer"}),
    wrong(modules={"jitsi": [SECRET]}),
]


@pytest.mark.parametrize("data", WRONG, ids=range(len(WRONG)))
def test_invariant_1_configuration_errors_tell_nothing(
    tmp_path: Path, data: dict[str, Any], told: Told
) -> None:
    """No token, secret, password, cookie or OpenID token in any log, error, metric or table."""
    with pytest.raises(ConfigError) as error:
        open_gateway(tmp_path, data).close()
    shown = f"{error.value}{error.value!r}{error.value.problems!r}{told.text}"
    assert SECRET not in shown
    assert SHORT not in shown


def test_invariant_1_a_configuration_shows_no_secret(tmp_path: Path) -> None:
    """No token, secret, password, cookie or OpenID token in any log, error, metric or table."""
    url = f"postgresql://issuer:{SECRET}@db/issuer"
    livekit = {**LIVEKIT, "api_secret": SECRET}
    data = wrong(store={"url": url}, modules={"jitsi": HMAC, "livekit": livekit})
    found: Configuration = parse(data, Context({}, tmp_path))
    assert SECRET in found.settings.store_url
    assert SECRET not in f"{found!r}{found.settings!r}{found.settings}{found.modules}"
