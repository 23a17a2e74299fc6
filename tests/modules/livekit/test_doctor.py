"""`issuer doctor` and the servers of calls."""

import logging

import pytest

from tests.doctor import diagnosis
from tests.modules.livekit.calls import Call, Homeserver
from tests.modules.livekit.conftest import BuildCall
from tests.modules.livekit.sfu import Sfu, refuses
from tests.service import free_port
from tests.upstream.stub import Reply


def test_all_is_well(call: Call, homeserver: Homeserver, sfu: Sfu) -> None:
    name = f"modules.livekit: homeserver {homeserver.name}"
    assert diagnosis(call.gateway) == {"modules.livekit: SFU": "", name: ""}
    assert sfu.faults == []
    assert sfu.rooms == []


def test_a_secret_that_the_sfu_does_not_know(build_call: BuildCall) -> None:
    said = diagnosis(build_call(api_secret="another secret that has 32 bytes").gateway)
    assert said["modules.livekit: SFU"].startswith("refuses api_key with api_secret")
    assert "another secret" not in str(said)


def test_servers_that_are_not_there(build_call: BuildCall, homeserver: Homeserver) -> None:
    nowhere = f"localhost:{free_port()}"
    changes = {"url": f"ws://127.0.0.1:{free_port()}", "full_access_homeservers": [nowhere]}
    said = diagnosis(build_call(**changes).gateway)
    assert said["modules.livekit: SFU"].startswith("cannot be reached")
    assert said[f"modules.livekit: homeserver {nowhere}"].startswith("cannot be asked who a user is")


def test_an_address_where_something_else_is(build_call: BuildCall, homeserver: Homeserver) -> None:
    said = diagnosis(build_call(url=f"wss://localhost:{homeserver.server.port}").gateway)
    assert "answers 401" in said["modules.livekit: SFU"] or "refuses" in said["modules.livekit: SFU"]


def test_an_application_service(build_call: BuildCall, homeserver: Homeserver) -> None:
    service = {"name": homeserver.name, "as_token": "not-known-there"}
    url = f"https://localhost:{homeserver.server.port}/"
    changes = {"homeservers": [service], "cs_api_urls": {homeserver.name: url}}
    said = diagnosis(build_call(**changes).gateway)
    text = said[f"modules.livekit: application service at {homeserver.name}"]
    assert text.startswith("does not know as_token")


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (Reply(403, b'{"errcode":"M_FORBIDDEN"}'), "answers 403 M_FORBIDDEN"),
        (Reply(404, b'{"errcode":"M_UNRECOGNIZED"}'), "answers 404 M_UNRECOGNIZED"),
        (Reply(401, b"<html>password?"), "answers 401 without an errcode"),
        (Reply(502, b"<html>"), "answers 502 without an errcode"),
        (Reply(200, b'{"sub": "@alice:elsewhere"}'), "named a user who is not its own"),
    ],
    ids=str,
)
def test_what_is_no_homeserver(call: Call, homeserver: Homeserver, reply: Reply, text: str) -> None:
    homeserver.reply = reply
    assert text in diagnosis(call.gateway)[f"modules.livekit: homeserver {homeserver.name}"]


@pytest.mark.parametrize("reply", [Reply(502, b"<html>"), Reply(403, b'{"errcode":"M_FORBIDDEN"}')], ids=str)
def test_the_own_homeserver_fails(
    call: Call, homeserver: Homeserver, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    homeserver.reply = reply
    assert call.get_token().status_code == 401
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert f"{homeserver.name} answers {reply.status}" in warning.getMessage()


def test_a_stranger_that_is_refused_is_no_warning(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    assert call.get_token(openid_token=call.openid(access_token="invented")).status_code == 401
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_an_sfu_that_fails_is_a_warning(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    call.sfu.refusal = refuses(503, "unavailable")
    assert call.get_token().status_code == 500
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "503" in warning.getMessage()
