"""Jitsi's page in a real browser, from another origin, with the settings that docs/oidc-jitsi.md shows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from playwright.sync_api import Page, expect

from modules.oidc.settings import DEVICE_CODE
from tests.browser import OpenPage, Window, browser, open_page
from tests.docs.pages import page
from tests.modules.oidc.jitsi_page import JitsiPage, jitsi_page
from tests.modules.oidc.provider import claims_of
from tests.modules.oidc.relying.office import SECRET, Secure, start_page
from tests.service import PASSWORD
from tests.upstream.authority import Authority

__all__ = ["browser", "open_page"]

PAGE = page("docs/oidc-jitsi.md")
WIKI = f"""
[modules.oidc.clients.wiki]
secret = "{SECRET}"
redirect_uris = ["https://wiki.example.com/callback"]

[modules.oidc.clients.tv]
name = "Television"
grant_types = ["{DEVICE_CODE}"]
"""
"""Clients that are not trusted: an application and a device."""
STATE = json.dumps({"room": "My Room", "roomSafe": "my%20room", "tenant": "", "refreshToken": None})


@pytest.fixture(scope="module")
def meeting() -> Iterator[JitsiPage]:
    with jitsi_page() as running:
        yield running


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, meeting: JitsiPage, authority: Authority
) -> Iterator[Secure]:
    (toml,), (js,) = PAGE.blocks("toml"), PAGE.blocks("js")
    text = toml.replace("https://meet.example.com", meeting.url) + WIKI
    running = start_page(tmp_path_factory.mktemp("meet"), text, authority)
    js = js.replace("https://meet.example.com", meeting.url)
    meeting.config = js.replace("auth.example.com", running.url.removeprefix("https://"))
    yield running
    running.stop()


def start(meeting: JitsiPage) -> str:
    return f"{meeting.url}/#{quote(STATE)}"


def sign_in(page: Page) -> None:
    page.get_by_label("User name").fill("dwho")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def tokens_in(page: Page, where: str = "#tokens") -> dict[str, Any]:
    shown = page.locator(where)
    expect(shown).not_to_be_empty()
    found: dict[str, Any] = json.loads(shown.inner_text())
    return found


def check(service: Secure, tokens: dict[str, Any]) -> None:
    """The access token passes `issuer verify`; the ID token is the client's."""
    verdict = service.run("verify", tokens["access_token"], "--room", "My Room")
    assert "BAD" not in verdict
    assert claims_of(tokens["access_token"])["room"] == "my%20room"
    assert claims_of(tokens["id_token"])["aud"] == "meet"


def test_in_a_popup_the_opener_gets_the_tokens(
    service: Secure, meeting: JitsiPage, open_page: OpenPage
) -> None:
    """Jitsi's page: a test page of our own that performs exactly the requests of the contract (popup and full
    page, refresh) in a real browser on another origin; the resulting access token passes `issuer verify`.
    """
    window = open_page(start(meeting), any_certificate=True)
    with window.page.expect_popup() as popup:
        window.page.locator("#popup").click()
    with popup.value.expect_event("close"):
        sign_in(popup.value)
    tokens = tokens_in(window.page)
    check(service, tokens)
    assert tokens["state"] == STATE
    assert claims_of(tokens["id_token"])["nonce"] == tokens["nonce"]
    assert window.problems == []


def test_with_the_whole_page_and_a_refresh(service: Secure, meeting: JitsiPage, open_page: OpenPage) -> None:
    """Jitsi's page: a test page of our own that performs exactly the requests of the contract (popup and full
    page, refresh) in a real browser on another origin; the resulting access token passes `issuer verify`.
    """
    window = open_page(start(meeting), any_certificate=True)
    window.page.locator("#page").click()
    sign_in(window.page)
    tokens = tokens_in(window.page)
    check(service, tokens)
    assert tokens["state"] == STATE
    window.page.locator("#refresh").click()
    refreshed = tokens_in(window.page, "#refreshed")
    check(service, refreshed)
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    assert window.problems == []


LOOKS = [(1280, False), (390, True)]


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_the_pages_are_for_people(
    service: Secure, open_page: OpenPage, tmp_path: Path, width: int, dark: bool
) -> None:
    """In a real browser, and with independent clients that the fixture starts: `openid-client` from npm
    (code + PKCE, refresh, device, introspection), Debian's `libapache2-mod-auth-openidc` in front of a
    page, a real Synapse with our module as its SSO provider (a user signs in to Matrix through us).
    """
    window = open_page(f"{service.url}/login", width=width, dark=dark, any_certificate=True)
    sign_in(window.page)
    window.page.goto(
        f"{service.url}/oidc/authorize?response_type=code&client_id=wiki&prompt=consent&scope=openid"
        f"&code_challenge={'a' * 43}&code_challenge_method=S256&redirect_uri=https://wiki.example.com/callback"
    )
    expect(window.page.get_by_role("heading", name="Continue to")).to_be_visible()
    assert_good(window, tmp_path / "consent.png")
    window.page.keyboard.press("Tab")
    window.page.goto(f"{service.url}/oidc/applications")
    assert_good(window, tmp_path / "applications.png")
    for path in (
        "device",
        "device?user_code=B0B0-B0B0",
        "device?user_code=BBBB-BBBB",
        "logout?client_id=wiki",
    ):
        window.page.goto(f"{service.url}/oidc/{path}")
        assert_good(window, tmp_path / f"{path.replace('?', '-')}.png")
    begun = requests.post(
        f"{service.url}/oidc/device_authorization",
        data={"client_id": "tv", "scope": "openid email"},
        verify=str(service.authority.path),
        timeout=30,
    ).json()
    window.page.goto(f"{service.url}/oidc/device")
    window.page.get_by_label("The code on the device").fill(begun["user_code"].lower())
    window.page.keyboard.press("Enter")
    expect(window.page.get_by_role("heading", name="Let a device in?")).to_be_visible()
    assert_good(window, tmp_path / "let-in.png")
    window.page.get_by_role("button", name="Allow", exact=True).press("Enter")
    expect(window.page.get_by_text("The device is signed in")).to_be_visible()
    assert_good(window, tmp_path / "let-in-done.png")


def assert_good(window: Window, path: Path) -> None:
    window.page.screenshot(path=path, full_page=True)
    assert window.overflow == 0
    assert window.problems == []
    assert window.accessibility_problems == []
