"""`issuer doctor` and a real homeserver."""

import pytest

from tests.doctor import diagnosis
from tests.modules.matrix.calls import section
from tests.modules.matrix.conftest import BuildCaller
from tests.modules.matrix.homeserver import Homeserver, Rooms
from tests.service import free_port


@pytest.mark.parametrize(
    ("api", "user", "said"),
    [
        ("synapse-admin", "admin", ""),
        ("client-server", "half", ""),
        ("synapse-admin", "half", "access_token is not one of a server administrator"),
        ("synapse-admin", None, "does not know access_token"),
        ("client-server", None, "does not know access_token"),
    ],
)
def test_homeservers(
    build_caller: BuildCaller, home: Homeserver, rooms: Rooms, api: str, user: str | None, said: str
) -> None:
    tokens = {"admin": home.admin.token, "half": home.user("half").token, None: "invented"}
    server = section(home, access_token=tokens[user], api=api)
    caller = build_caller(matrix={"homeservers": {home.synapse.name: server}})
    text = diagnosis(caller.gateway)[f"matrix.homeservers: {home.synapse.name}"]
    assert text.startswith(said)
    assert bool(text) == bool(said)


def test_a_homeserver_that_is_not_there(build_caller: BuildCaller, home: Homeserver) -> None:
    server = section(home, url=f"https://localhost:{free_port()}/")
    gateway = build_caller(matrix={"homeservers": {"gone": server}}).gateway
    text = diagnosis(gateway)["matrix.homeservers: gone"]
    assert text.startswith("cannot be asked")
    assert "localhost" in text
