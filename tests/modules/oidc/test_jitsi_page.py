"""Jitsi's page in a real browser, from another origin."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from issuer.commands.init import make_keys
from tests.browser import OpenPage, Window, browser, open_page
from tests.modules.oidc.jitsi_page import jitsi_page
from tests.modules.oidc.provider import claims_of
from tests.service import PASSWORD, Service

__all__ = ["browser", "open_page"]

CONFIGURATION = """\
public_url = "http://127.0.0.1:{{port}}/"

[server]
bind = "127.0.0.1:{{port}}"
workers = 1

[modules.jitsi]
server_url = "{page}"
app_id = "jitsi"
algorithm = "RS256"

[modules.oidc.clients.meet]
kind = "jitsi"
redirect_uris = ["{page}/static/sso.html"]
"""
STATE = json.dumps({"room": "My Room", "roomSafe": "my%20room", "tenant": "", "refreshToken": None})


@pytest.fixture(scope="module")
def page_url() -> Iterator[str]:
    with jitsi_page() as url:
        yield url


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, page_url: str) -> Iterator[Service]:
    directory: Path = tmp_path_factory.mktemp("meet")
    running = Service(directory, CONFIGURATION.format(page=page_url))
    make_keys(running.shell.key_directory(), "oidc", running.shell.clock)
    running.shell.parts.store.migrate()
    running.add_users("dwho")
    running.start()
    yield running
    running.stop()


def start(service: Service, page_url: str) -> str:
    config = {
        "ssoService": f"{service.url}/oidc/authorize",
        "tokenService": f"{service.url}/oidc",
        "clientId": "meet",
        "state": STATE,
        "nonce": "n-0S6_WzA2Mj",
    }
    return f"{page_url}/#{quote(json.dumps(config))}"


def sign_in(page: Page) -> None:
    """Fill in the form, and let Jitsi know who it is."""
    page.get_by_label("User name").fill("dwho")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Allow", exact=True).click()


def tokens_in(page: Page, where: str = "#tokens") -> dict[str, Any]:
    shown = page.locator(where)
    expect(shown).not_to_be_empty()
    found: dict[str, Any] = json.loads(shown.inner_text())
    return found


def check(service: Service, tokens: dict[str, Any]) -> None:
    """The access token passes `issuer verify`; the ID token has the nonce."""
    verdict = service.run("verify", tokens["access_token"], "--room", "My Room")
    assert "BAD" not in verdict
    assert claims_of(tokens["access_token"])["room"] == "my%20room"
    assert claims_of(tokens["id_token"])["aud"] == "meet"


def test_in_a_popup_the_opener_gets_the_tokens(service: Service, page_url: str, open_page: OpenPage) -> None:
    """Jitsi's page: a test page of our own that performs exactly the requests of the contract (popup and full
    page, refresh) in a real browser on another origin; the resulting access token passes `issuer verify`.
    """
    window = open_page(start(service, page_url))
    with window.page.expect_popup() as popup:
        window.page.locator("#popup").click()
    with popup.value.expect_event("close"):
        sign_in(popup.value)
    tokens = tokens_in(window.page)
    check(service, tokens)
    assert tokens["state"] == STATE
    assert claims_of(tokens["id_token"])["nonce"] == "n-0S6_WzA2Mj"
    assert window.problems == []


def test_with_the_whole_page_and_a_refresh(service: Service, page_url: str, open_page: OpenPage) -> None:
    """Jitsi's page: a test page of our own that performs exactly the requests of the contract (popup and full
    page, refresh) in a real browser on another origin; the resulting access token passes `issuer verify`.
    """
    window = open_page(start(service, page_url))
    window.page.locator("#page").click()
    sign_in_or_go_on(window.page)
    tokens = tokens_in(window.page)
    check(service, tokens)
    assert tokens["state"] == STATE
    window.page.locator("#refresh").click()
    refreshed = tokens_in(window.page, "#refreshed")
    check(service, refreshed)
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    assert window.problems == []


def sign_in_or_go_on(page: Page) -> None:
    """Sign in; whether the consent is asked for depends on the test before."""
    page.get_by_label("User name").fill("dwho")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    allow = page.get_by_role("button", name="Allow", exact=True)
    expect(allow.or_(page.locator("#tokens")).first).to_be_attached()
    if allow.is_visible():
        allow.click()


LOOKS = [(1280, False), (390, True)]


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_the_pages_of_consent_are_for_people(
    service: Service, page_url: str, open_page: OpenPage, tmp_path: Path, width: int, dark: bool
) -> None:
    """In a real browser, and with independent clients that the fixture starts: `openid-client` from npm
    (code + PKCE, refresh, device, introspection), Debian's `libapache2-mod-auth-openidc` in front of a
    page, a real Synapse with our module as its SSO provider (a user signs in to Matrix through us).
    """
    window = open_page(f"{service.url}/login", width=width, dark=dark)
    window.page.get_by_label("User name").fill("dwho")
    window.page.get_by_label("Password").fill(PASSWORD)
    window.page.get_by_role("button", name="Sign in").click()
    window.page.goto(
        f"{service.url}/oidc/authorize?response_type=code&client_id=meet&prompt=consent&scope=openid"
        f"&state={quote(STATE)}"
        f"&code_challenge={'a' * 43}&code_challenge_method=S256&redirect_uri={page_url}/static/sso.html"
    )
    expect(window.page.get_by_role("heading", name="Continue to")).to_be_visible()
    assert_good(window, tmp_path / "consent.png")
    window.page.keyboard.press("Tab")
    window.page.goto(f"{service.url}/oidc/applications")
    assert_good(window, tmp_path / "applications.png")


def assert_good(window: Window, path: Path) -> None:
    window.page.screenshot(path=path, full_page=True)
    assert window.overflow == 0
    assert window.problems == []
    assert window.accessibility_problems == []
