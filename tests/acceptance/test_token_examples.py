"""The examples of docs/livekit-tokens.md, run: curl and Python with a token, JavaScript in a browser."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from playwright.sync_api import Error, expect

from tests.acceptance.test_browser import sign_in
from tests.bearer.tokens import jwk, key_set, rsa_key, token
from tests.browser import OpenPage
from tests.docs.pages import page
from tests.modules.livekit.sfu import KEY, SECRET
from tests.service import Service
from tests.upstream.stub import Stub

DOCUMENT = page("docs/livekit-tokens.md")
ADDRESS = "https://auth.example.com"
ISSUER = "https://idp.example.com/"
CONFIGURATION = f"""\
public_url = "http://127.0.0.1:{{port}}/"

[server]
bind = "127.0.0.1:{{port}}"
workers = 1

[modules.livekit]
url = "wss://sfu.example.com"
api_key = "{KEY}"
api_secret = "{SECRET}"

[modules.livekit.people]
identity_secret = "x8Kq2v-Wm5Rt7yNax8Kq2v-Wm5Rt7yNa"
audience = "calls"

[[modules.livekit.people.trusted_issuers]]
issuer = "{ISSUER}"
jwks_url = "JWKS"
"""


@dataclass(frozen=True)
class Running:
    service: Service
    access_token: str

    def example(self, language: str) -> str:
        """Return the one example in a language, with the address of the service."""
        (text,) = [block for block in DOCUMENT.blocks(language) if f"{ADDRESS}/livekit/token" in block]
        return text.replace(ADDRESS, self.service.url)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, programs: None) -> Iterator[Running]:
    stub = Stub(lambda _: key_set(jwk(rsa_key("idp"), "one")))
    text = CONFIGURATION.replace("JWKS", f"http://127.0.0.1:{stub.port}/keys")
    service = Service(tmp_path_factory.mktemp("service"), text)
    service.start()
    now = int(time.time())
    yield Running(service, token(rsa_key("idp"), iss=ISSUER, exp=now + 600, iat=now))
    service.stop()
    stub.close()


def claims_of(answer: dict[str, Any]) -> dict[str, Any]:
    assert set(answer) == {"token", "expiresAt", "url"}
    found: dict[str, Any] = jwt.decode(answer["token"], SECRET, ["HS256"], issuer=KEY)
    return found


def test_curl(running: Running) -> None:
    def run(access_token: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "ACCESS_TOKEN": access_token, "no_proxy": "127.0.0.1"}
        command = ["sh", "-c", running.example("sh")]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)

    claims = claims_of(json.loads(run(running.access_token).stdout))
    assert claims["video"]["room"] == "stage-1"
    assert json.loads(claims["metadata"])["eventId"] == "gala"
    refused = run("x")
    assert refused.returncode != 0
    assert json.loads(refused.stdout)["reason"] == "bearer_token"


def test_python(running: Running, tmp_path: Path) -> None:
    program = running.example("python")
    call = f'\nimport json, sys\nprint(json.dumps(livekit_token({running.access_token!r}, "stage-1")))\n'
    (tmp_path / "example.py").write_text(program + call)
    environ = {**os.environ, "no_proxy": "127.0.0.1"}
    command = [sys.executable, str(tmp_path / "example.py")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert claims_of(json.loads(done.stdout))["video"]["room"] == "stage-1"


def test_javascript(demo_addresses: tuple[str, str], call_address: str, open_page: OpenPage) -> None:
    portal = demo_addresses[0]
    (example,) = DOCUMENT.blocks("js")
    code = f"async () => {{ {example.replace(ADDRESS, portal)}\n return await livekitToken('stage-1'); }}"
    window = open_page(call_address).page
    with pytest.raises(Error, match=r"Sign in at the portal first|navigation"):
        window.evaluate(code)
    window.wait_for_url(f"{portal}/login")
    sign_in(window, "rtyler")
    expect(window.get_by_role("heading", name="Hello, Rose Tyler")).to_be_visible()
    window.goto(call_address)
    answer = window.evaluate(code)
    assert set(answer) == {"token", "expiresAt", "url"}
    claims = jwt.decode(answer["token"], options={"verify_signature": False})
    assert json.loads(claims["metadata"])["sceneId"] == "intro"
