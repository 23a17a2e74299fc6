"""Schemathesis sends what the description allows, and what it does not."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from modules.oidc.settings import DEVICE_CODE
from tests.modules.oidc.description import (
    DESCRIPTION,
    EXAMPLES,
    PROGRAMS,
    Report,
    of_a_client,
    operations,
    run,
)
from tests.modules.oidc.provider import APP_REDIRECT, CHALLENGE, VERIFIER, Provider
from tests.modules.oidc.relying.office import SECRET, Visitor, start
from tests.service import Service, client

DESCRIBED = json.loads(DESCRIPTION.read_text())
CLIENTS = f"""\
[modules.oidc.clients.wiki]
secret = "{SECRET}"
redirect_uris = ["https://wiki.example.com/oidc/callback"]
grant_types = ["authorization_code", "refresh_token", "client_credentials", "{DEVICE_CODE}"]
scopes = ["openid", "profile", "email", "groups", "read"]
resources = ["https://api.example.com/"]

[modules.oidc.clients.app]
redirect_uris = ["{APP_REDIRECT}"]
trusted = true
"""


@pytest.fixture
def service(tmp_path: Path, programs: None) -> Iterator[Service]:
    running = start(tmp_path, CLIENTS)
    yield running
    running.stop()


def test_every_route_is_described(provider: Provider) -> None:
    known = {(name.split()[1], name.split()[0]) for name in operations(DESCRIBED)}
    rules = [rule for rule in provider.gateway.app.url_map.iter_rules() if rule.endpoint.startswith("oidc.")]
    routes = {
        (rule.rule.removeprefix("/oidc").replace("<", "{").replace(">", "}"), method)
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert known == routes


def cookies(service: Service) -> str:
    """A session, as a header has it."""
    return "; ".join(f"{name}={value}" for name, value in service.sign_in("dwho").cookies.items())


def access_token(service: Service) -> str:
    """A token that is good for userinfo, of a client that the run does nothing to."""
    query = f"response_type=code&client_id=app&scope=openid&redirect_uri={APP_REDIRECT}"
    pkce = f"code_challenge={CHALLENGE}&code_challenge_method=S256"
    back = Visitor(service).go(f"{service.url}/oidc/authorize?{query}&{pkce}", until=APP_REDIRECT)
    form = {"grant_type": "authorization_code", "client_id": "app", "redirect_uri": APP_REDIRECT}
    code = parse_qs(urlsplit(back).query)["code"][0]
    sent = {**form, "code": code, "code_verifier": VERIFIER}
    found: str = client().post(f"{service.url}/oidc/token", data=sent, timeout=30).json()["access_token"]
    return found


def complete(report: Report) -> None:
    """No operation was left out, in no phase, and those that take anything got a good many requests."""
    counted, every = report.summary["operations"], operations(DESCRIBED)
    assert (counted["total"], counted["tested"], counted["skipped"]) == (len(every), len(every), 0)
    assert report.summary["phases"]["fuzzing"]["status"] == "success"
    assert report.summary["phases"]["coverage"]["status"] == "success"
    assert {name for name in every if not report.cases(name)} == set()
    taking = {name for name in every if takes_anything(name)}
    assert len(taking) > 10
    assert {name for name in taking if report.cases(name) < 20} == set()


def takes_anything(name: str) -> bool:
    method, path = name.split()
    operation = DESCRIBED["paths"][path][method.lower()]
    return bool(operation.get("parameters") or operation.get("requestBody"))


def test_schemathesis_finds_no_server_error_as_a_stranger(service: Service, tmp_path: Path) -> None:
    """Schemathesis against the module's OpenAPI description: no 5xx."""
    complete(run(tmp_path, DESCRIBED, f"{service.url}/oidc", {"": {"Origin": service.url}}))


def test_schemathesis_finds_no_server_error_as_a_client_and_a_person(
    service: Service, tmp_path: Path
) -> None:
    """Schemathesis against the module's OpenAPI description: no 5xx."""
    headers = {"": {"Origin": service.url, "Cookie": cookies(service)}}
    basic = b64encode(f"wiki:{SECRET}".encode()).decode()
    headers |= {path: {"Authorization": f"Basic {basic}"} for path in PROGRAMS}
    headers |= {"/userinfo": {"Authorization": f"Bearer {access_token(service)}"}}
    request = {"response_type": "code", "client_id": "wiki", "code_challenge": CHALLENGE}
    request |= {"redirect_uri": EXAMPLES["redirect_uri"], "code_challenge_method": "S256", "scope": "openid"}
    query = urlencode(request)
    Visitor(service).go(f"{service.url}/oidc/authorize?{query}", until=EXAMPLES["redirect_uri"])
    report = run(tmp_path, of_a_client(DESCRIBED, query), f"{service.url}/oidc", headers)
    complete(report)
    assert report.summary["phases"]["examples"]["status"] == "success"
    assert report.summary["warnings"]["missing_auth"] == []
    assert {name for name in operations(DESCRIBED) if not report.got_through(name)} == set()
