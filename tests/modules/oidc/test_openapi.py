"""Schemathesis sends what the description allows, and what it does not."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.oidc.settings import DEVICE_CODE
from tests.docs.pages import ROOT
from tests.modules.oidc.provider import Provider
from tests.modules.oidc.relying.office import SECRET, start
from tests.service import Service

DESCRIPTION = ROOT / "docs/oidc-openapi.json"
CLIENT = f"""\
[modules.oidc.clients.wiki]
secret = "{SECRET}"
redirect_uris = ["https://wiki.example.com/callback"]
grant_types = ["authorization_code", "refresh_token", "client_credentials", "{DEVICE_CODE}"]
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = start(tmp_path, CLIENT)
    yield running
    running.stop()


def test_every_route_is_described(provider: Provider) -> None:
    described = json.loads(DESCRIPTION.read_text())["paths"]
    known = {(path, method.upper()) for path, operations in described.items() for method in operations}
    rules = [rule for rule in provider.gateway.app.url_map.iter_rules() if rule.endpoint.startswith("oidc.")]
    routes = {
        (rule.rule.removeprefix("/oidc").replace("<", "{").replace(">", "}"), method)
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert known == routes


@pytest.mark.parametrize("signed_in", [False, True])
def test_schemathesis_finds_no_server_error(service: Service, tmp_path: Path, signed_in: bool) -> None:
    """Schemathesis against the module's OpenAPI description: no 5xx."""
    cookies = service.sign_in("dwho").cookies if signed_in else {}
    headers = [f"Cookie:{name}={value}" for name, value in cookies.items()]
    program = str(Path(sys.executable).parent / "schemathesis")
    command = [program, "run", str(DESCRIPTION), "--url", f"{service.url}/oidc", "--no-color"]
    limits = [
        "--checks",
        "not_a_server_error",
        "--max-examples",
        "25",
        "--phases",
        "examples,coverage,fuzzing",
    ]
    options = [word for header in [*headers, f"Origin:{service.url}"] for word in ("--header", header)]
    run = subprocess.run(
        [*command, *limits, *options], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
