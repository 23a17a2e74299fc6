"""`issuer doctor` and the servers of calls."""

from tests.doctor import diagnosis
from tests.modules.livekit.calls import Call, Homeserver
from tests.modules.livekit.conftest import BuildCall
from tests.modules.livekit.sfu import Sfu
from tests.service import free_port


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
