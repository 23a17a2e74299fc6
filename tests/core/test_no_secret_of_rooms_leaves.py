"""Invariant 1 with the verification of Matrix users: the API token, OpenID tokens, the homeserver's token."""

import json
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from issuer.matrix import Homeservers
from issuer.runtime import KEY, DeferredResponse
from issuer.settings.problems import ConfigError
from issuer.testing import open_gateway
from tests.core.house import SECRET, House, Told
from tests.core.test_no_secret_leaves import OPENID, SHORT, house, leaks, told, wrong
from tests.modules.matrix.calls import API_TOKEN
from tests.modules.matrix.stub import ADMIN_TOKEN, ROOM
from tests.upstream.stub import Reply

__all__ = ["house", "told"]

GUESS = "GuEsSmArKeR"
SECRETS = {API_TOKEN, ADMIN_TOKEN, OPENID, GUESS}
PATHS = ("/matrix/verify/user", "/matrix/verify/user_in_room")
ECHO = json.dumps({"errcode": "M_UNKNOWN", "error": f"{OPENID} {ADMIN_TOKEN}"}).encode()


def body(house: House, **changes: Any) -> dict[str, Any]:
    return {"matrix_server_name": house.home.name, "room_id": ROOM, "token": OPENID, **changes}


def everything(house: House, **changes: Any) -> list[TestResponse]:
    return [house.prosody.post(path, body(house, **changes)) for path in PATHS]


def assert_silent(house: House, told: Told, answers: list[TestResponse]) -> None:
    assert leaks(house, told, SECRETS) == []
    assert not any(secret in f"{answer.headers}{answer.text}" for answer in answers for secret in SECRETS)


def test_invariant_1_who_is_verified(house: House, told: Told) -> None:
    """No token, secret, password, cookie or OpenID token in any log, error, metric or table."""
    house.home.tokens[OPENID] = house.home.alice
    answers = [*everything(house), *everything(house, room_id="!other:example.org")]
    assert [answer.json and answer.json["results"]["user"] for answer in answers] == [True] * 4
    assert told.text.count("user_verified") == 2 * len(answers)
    assert_silent(house, told, answers)


def test_invariant_1_who_is_not_verified(house: House, told: Told) -> None:
    """No token, secret, password, cookie or OpenID token in any log, error, metric or table."""
    answers = everything(house)
    house.home.tokens[OPENID] = house.home.alice
    answers += everything(house, matrix_server_name="localhost:1")
    answers += everything(house, matrix_server_name=f"no {OPENID}")
    answers += everything(house, token=OPENID + "\u20ac")
    for what in ("members", "state"):
        for reply in (Reply(401, ECHO), Reply(500, ECHO), Reply(200, ECHO), Reply(200, OPENID.encode())):
            house.home.broken[what] = reply
            answers += everything(house, room_id=ROOM)
    house.home.close()
    answers += everything(house)
    assert {answer.status_code for answer in answers} == {200}
    assert "user_not_verified" in told.text
    assert "must be one of a server administrator" in told.text
    assert_silent(house, told, answers)


def test_invariant_1_who_may_not_ask_and_who_asks_badly(house: House, told: Told) -> None:
    """No token, secret, password, cookie or OpenID token in any log, error, metric or table."""
    post = house.prosody.post
    answers = [post(path, body(house), token=token) for path in PATHS for token in (None, GUESS)]
    bad = [OPENID.encode(), {"token": OPENID}, {OPENID: 1}, [OPENID], body(house, room_id=[OPENID])]
    bad += [body(house, token={"value": OPENID}), f'{{"token": "{OPENID}"'.encode()]
    answers += [post(PATHS[1], sent) for sent in bad]
    assert [answer.status_code for answer in answers] == [403] * 4 + [400] * len(bad)
    assert_silent(house, told, answers)


def test_invariant_1_a_fault_of_ours(house: House, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, secret, password, cookie or OpenID token in any log, error, metric or table."""

    async def fail(_: Homeservers, server_name: str, access_token: str, patience: float) -> str:
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(Homeservers, "find_openid_user", fail)
    answers, deferred = everything(house), DeferredResponse()
    heard: list[bytes | Exception | None] = []
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    overrides = {KEY: deferred}
    house.gateway.client().post(PATHS[1], json=body(house), headers=headers, environ_overrides=overrides)
    assert deferred.send_after
    deferred.send_after(heard.append)
    assert [answer.status_code for answer in answers] == [500, 500]
    assert "RuntimeError: nobody expected this" in told.text
    assert_silent(house, told, answers)


def at_home(**options: Any) -> dict[str, Any]:
    """A homeserver with these options, and a module that asks it."""
    server = {"url": "https://hs.example.com", **options}
    return wrong(
        matrix={"homeservers": {"example.com": server}}, modules={"matrix": {"api_token": API_TOKEN}}
    )


WRONG = [
    at_home(access_token=[SECRET]),
    at_home(access_token={"value": SECRET}),
    at_home(access_token=SECRET, access_token_file="x"),
    at_home(access_tokens=SECRET),
    at_home(access_token=SECRET, api="none"),
    wrong(modules={"matrix": {"api_token": SHORT}}),
    wrong(modules={"matrix": {"api_token": [SECRET]}}),
    wrong(modules={"matrix": {"api_token": SECRET, "api_token_env": "X"}}),
    wrong(modules={"matrix": {"api_tokens": SECRET}}),
]


@pytest.mark.parametrize("data", WRONG, ids=range(len(WRONG)))
def test_invariant_1_configuration_errors_tell_nothing(
    tmp_path: Path, data: dict[str, Any], told: Told
) -> None:
    """No token, secret, password, cookie or OpenID token in any log, error, metric or table."""
    with pytest.raises(ConfigError) as error:
        open_gateway(tmp_path, data).close()
    shown = f"{error.value}{error.value!r}{error.value.problems!r}{told.text}"
    assert not any(secret in shown for secret in (SECRET, API_TOKEN, SHORT))
