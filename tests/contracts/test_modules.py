"""Every registered issuer module keeps the contract."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from issuer.settings.problems import ConfigError
from issuer.testing import Ask, ModuleContract, sample
from issuer.testing.modules import Make
from issuer.wiring.plugins import MODULES, known
from tests.modules.livekit.calls import ROOM, SLOT, Homeserver, options, upstream_options
from tests.modules.livekit.people.asking import IDENTITY_SECRET
from tests.modules.livekit.sfu import Sfu
from tests.upstream.authority import Authority

FROM_A_PAGE = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
WIKI_SECRET = "k7Zq2mWx9Tb4Vd8Rf1Lc6Yp3"


class TestJitsi(ModuleContract):
    type = "jitsi"

    @pytest.fixture
    def asks(self) -> Sequence[Ask]:
        state = "%7B%22electron%22%3Atrue%7D"
        return [Ask("/login?room=board"), Ask("/login/board"), Ask(f"/login?room=board&state={state}")]


class TestLiveKit(ModuleContract):
    type = "livekit"

    @pytest.fixture
    def configuration(self, authority: Authority, homeserver: Homeserver, sfu: Sfu) -> dict[str, Any]:
        section = {**options(homeserver, sfu), "people": {"identity_secret": IDENTITY_SECRET}}
        return {"modules": {"livekit": section}, "upstream": upstream_options(authority)}

    @pytest.fixture
    def asks(self, homeserver: Homeserver) -> Sequence[Ask]:
        openid = {
            "access_token": "alice-token",
            "token_type": "Bearer",
            "matrix_server_name": homeserver.name,
            "expires_in": 3600,
        }
        member = {"id": "xyz", "claimed_user_id": homeserver.user, "claimed_device_id": "DEV"}
        today = {"room_id": ROOM, "slot_id": SLOT, "openid_token": openid, "member": member}
        older = {"room": ROOM, "openid_token": openid, "device_id": "DEV"}
        return [
            Ask("/jwt/get_token", "POST", json.dumps(today).encode(), needs_session=False),
            Ask("/jwt/sfu/get", "POST", json.dumps(older).encode(), needs_session=False),
            Ask("/token", "POST", b'{"roomId": "stage"}', FROM_A_PAGE, needs_session=False),
        ]


class TestOidc(ModuleContract):
    type = "oidc"

    @pytest.fixture
    def configuration(self, tmp_path: Path) -> dict[str, Any]:
        found = sample("oidc", tmp_path)
        client = found["modules"]["oidc"]["clients"]["wiki"]
        del client["secret_file"]
        client |= {"secret": WIKI_SECRET, "scopes": ["openid", "read"]}
        return found

    @pytest.fixture
    def asks(self) -> Sequence[Ask]:
        form = f"grant_type=client_credentials&client_id=wiki&client_secret={WIKI_SECRET}"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return [Ask("/token", "POST", form.encode(), headers, needs_session=False)]


class TestDemo(ModuleContract):
    type = "demo"

    @pytest.fixture
    def configuration(self, tmp_path: Path) -> dict[str, Any]:
        found = sample("demo", tmp_path)
        found["modules"]["demo"]["meeting_bind"] = "127.0.0.1:0"
        return found

    @pytest.fixture
    def asks(self) -> Sequence[Ask]:
        return ()


class TestMatrix(ModuleContract):
    type = "matrix"

    @pytest.fixture
    def asks(self) -> Sequence[Ask]:
        return ()

    def test_a_rule_that_does_not_compile(self, make: Make) -> None:
        with pytest.raises(ConfigError, match=r"modules\.tested\.rule"):
            make(rule="inGroup(")


def test_every_module_is_tested() -> None:
    assert {contract.type for contract in ModuleContract.__subclasses__()} == set(known(MODULES))
