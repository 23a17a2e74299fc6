"""npm's openid-client, which verifies everything that it gets."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.oidc.settings import DEVICE_CODE
from tests.modules.oidc.relying.office import SECRET, Visitor, start
from tests.service import Service

MODULES = Path(__file__).parents[4] / "var/openid-client/node_modules"
REDIRECT = "http://127.0.0.1/callback"
CLIENT = f"""\
[modules.oidc.clients.relying]
name = "Relying party"
secret = "{SECRET}"
redirect_uris = ["{REDIRECT}"]
grant_types = ["authorization_code", "refresh_token", "{DEVICE_CODE}"]
algorithm = "RS256"
"""


class Relying:
    """The client, in a process of its own."""

    def __init__(self, service: Service) -> None:
        assert MODULES.is_dir(), "run `make var/openid-client/.installed`"
        program = Path(__file__).with_name("client.mjs")
        arguments = [str(program), str(MODULES), f"{service.url}/oidc", "relying", SECRET]
        self._process = subprocess.Popen(
            ["node", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def do(self, command: str, **wishes: Any) -> Any:
        """Let it do something; return what it found."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"command": command, **wishes}) + "\n")
        self._process.stdin.flush()
        found = json.loads(self._process.stdout.readline())
        assert "failed" not in found, found
        return found

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(30)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, programs: None) -> Iterator[Service]:
    running = start(tmp_path_factory.mktemp("relying"), CLIENT)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def relying(service: Service, programs: None) -> Iterator[Relying]:
    running = Relying(service)
    yield running
    running.stop()


def test_code_with_pkce_refresh_and_introspection(service: Service, relying: Relying) -> None:
    """In a real browser, and with independent clients that the fixture starts: `openid-client` from npm
    (code + PKCE, refresh, device, introspection), Debian's `libapache2-mod-auth-openidc` in front of a
    page, a real Synapse with our module as its SSO provider (a user signs in to Matrix through us).
    """
    begun = relying.do("begin", redirect_uri=REDIRECT, scope="openid profile email groups")
    back = Visitor(service).go(begun["url"], until=REDIRECT)
    tokens = relying.do("complete", url=back)
    claims = tokens["claims"]
    assert claims["aud"] == "relying"
    info = relying.do("userinfo", token=tokens["access_token"], sub=claims["sub"])
    assert (info["preferred_username"], info["groups"]) == ("dwho", ["users"])
    told = relying.do("introspect", token=tokens["access_token"])
    assert (told["active"], told["username"]) == (True, "dwho")
    refreshed = relying.do("refresh", token=tokens["refresh_token"])
    assert refreshed["refresh_token"] == tokens["refresh_token"]
    relying.do("revoke", token=refreshed["refresh_token"])
    assert relying.do("introspect", token=refreshed["access_token"]) == {"active": False}


def test_a_pushed_request_and_a_sign_out(service: Service, relying: Relying) -> None:
    begun = relying.do("pushed", redirect_uri=REDIRECT, scope="openid")
    assert "request_uri=" in begun["url"]
    visitor = Visitor(service)
    tokens = relying.do("complete", url=visitor.go(begun["url"], until=REDIRECT))
    ended = relying.do("end", hint=tokens["id_token"])
    assert visitor.go(ended["url"], until=f"{service.url}/logout")


def test_a_device(service: Service, relying: Relying) -> None:
    """In a real browser, and with independent clients that the fixture starts: `openid-client` from npm
    (code + PKCE, refresh, device, introspection), Debian's `libapache2-mod-auth-openidc` in front of a
    page, a real Synapse with our module as its SSO provider (a user signs in to Matrix through us).
    """
    begun = relying.do("device", scope="openid profile")
    visitor = Visitor(service)
    visitor.http = service.sign_in("dwho")
    page = visitor.http.get(begun["verification_uri_complete"], timeout=30)
    assert visitor.submit(page, decision="allow").status_code == 200
    tokens = relying.do("poll")
    assert tokens["claims"]["aud"] == "relying"
