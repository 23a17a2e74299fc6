"""What docs/oidc-generic.md shows, run: the steps by hand with curl, and the program."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.docs.pages import ROOT, page
from tests.modules.oidc.provider import claims_of
from tests.modules.oidc.relying.office import SECRET, Secure, Visitor, start_page
from tests.upstream.authority import Authority

PAGE = page("docs/oidc-generic.md")
ADDRESS = "https://auth.example.com"
REDIRECT = "https://wiki.example.com/oidc/callback"
MODULES = ROOT / "var/openid-client/node_modules"
DRIVER = """
import { createInterface } from 'node:readline';
import { begin, complete } from './page.mjs';
const { url, checks } = await begin();
console.log(url);
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await complete(line, checks)));
  break;
}
"""


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, programs: None
) -> Iterator[Secure]:
    text = "\n".join(PAGE.blocks("toml"))
    running = start_page(tmp_path_factory.mktemp("generic"), text, authority, "wiki-secret", "backup-secret")
    yield running
    running.stop()


def shell(service: Secure, needle: str, more: str = "", **variables: str) -> str:
    """Run the one block of the page that has a text in it, where the secrets are; return what it prints."""
    (block,) = [found for found in PAGE.blocks("sh") if needle in found]
    environ = {**os.environ, "CURL_CA_BUNDLE": str(service.authority.path), "no_proxy": "127.0.0.1"}
    command = ["sh", "-c", block.replace(ADDRESS, service.url) + more]
    folder = service.file.parent
    return subprocess.run(
        command,
        cwd=folder,
        env={**environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def visitor(service: Secure) -> Visitor:
    found = Visitor(service)
    found.http.verify = str(service.authority.path)
    return found


def test_by_hand(service: Secure) -> None:
    url, verifier = shell(service, "challenge=$(", '\necho "$verifier"').split()
    (code,) = parse_qs(urlsplit(visitor(service).go(url, until=REDIRECT)).query)["code"]
    tokens = json.loads(shell(service, "grant_type=authorization_code", code=code, verifier=verifier))
    assert claims_of(tokens["id_token"])["aud"] == "wiki"
    found = json.loads(shell(service, "/oidc/userinfo", access_token=tokens["access_token"]))
    assert (found["preferred_username"], found["email"]) == ("dwho", "dwho@example.com")
    assert found["groups"] == ["users"]
    again = json.loads(shell(service, "grant_type=authorization_code", code=code, verifier=verifier))
    assert again["error"] == "invalid_grant"


def test_a_service_without_people(service: Secure) -> None:
    tokens = json.loads(shell(service, "grant_type=client_credentials"))
    claims = claims_of(tokens["access_token"])
    assert (claims["sub"], claims["aud"], claims["scope"]) == ("backup", "https://api.example.com/", "read")


def test_the_program(service: Secure, tmp_path: Path) -> None:
    """In a real browser, and with independent clients that the fixture starts: `openid-client` from npm
    (code + PKCE, refresh, device, introspection), Debian's `libapache2-mod-auth-openidc` in front of a
    page, a real Synapse with our module as its SSO provider (a user signs in to Matrix through us).
    """
    assert MODULES.is_dir(), "run `make var/openid-client/.installed`"
    (program,) = PAGE.blocks("js")
    (tmp_path / "page.mjs").write_text(program.replace(ADDRESS, service.url))
    (tmp_path / "driver.mjs").write_text(DRIVER)
    (tmp_path / "node_modules").symlink_to(MODULES)
    trust = {"NODE_EXTRA_CA_CERTS": str(service.authority.path), "WIKI_SECRET": SECRET}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(["node", "driver.mjs"], cwd=tmp_path, env={**os.environ, **trust}, **pipes) as node:
        assert node.stdout
        back = visitor(service).go(node.stdout.readline().strip(), until=REDIRECT)
        found = json.loads(node.communicate(back + "\n", timeout=60)[0])
    assert (found["name"], found["preferred_username"]) == ("Dwho", "dwho")
