"""Jitsi's page in a real browser, from another origin, with the settings that docs/oidc-jitsi.md shows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
ROOM = "/acme/My%20Room#config.subject=%22Q%26A%22"


@pytest.fixture(scope="module")
def meeting(authority: Authority) -> Iterator[JitsiPage]:
    with jitsi_page(authority) as running:
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


def sign_in(page: Page) -> None:
    page.get_by_label("User name").fill("dwho")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def tokens_in(page: Page) -> dict[str, Any]:
    """The tokens that Jitsi's client has, once it has some."""
    expect(page.locator("#tokens")).to_contain_text('"jwt":"')
    found: dict[str, Any] = json.loads(page.locator("#tokens").inner_text())
    return found


def check(service: Secure, token: str) -> None:
    """The token passes `issuer verify`, and is for the room of the address bar."""
    assert "BAD" not in service.run("verify", token, "--room", "My Room")
    claims = claims_of(token)
    assert (claims["room"], claims["sub"]) == ("my%20room", "acme")


def in_a_popup(page: Page, button: str, signs_in: bool) -> dict[str, Any]:
    """Press a button of Jitsi's, and do what its popup asks for; the tokens that the client has then."""
    before = page.locator("#tokens").inner_text()
    with page.expect_popup() as popup:
        page.get_by_role("button", name=button, exact=True).click()
    with popup.value.expect_event("close"):
        if signs_in:
            sign_in(popup.value)
    expect(page.locator("#tokens")).not_to_have_text(before)
    return tokens_in(page)


def signed_in(open_page: OpenPage, meeting: JitsiPage) -> tuple[Window, dict[str, Any]]:
    window = open_page(meeting.url + ROOM, any_certificate=True)
    return window, in_a_popup(window.page, "Sign in", signs_in=True)


def test_in_a_popup_jitsis_client_gets_the_tokens(
    service: Secure, meeting: JitsiPage, open_page: OpenPage
) -> None:
    """Jitsi's page: a test page of our own that performs exactly the requests of the contract (popup and full
    page, refresh) in a real browser on another origin; the resulting access token passes `issuer verify`.

    The sign-in page, built from the client's own functions, in a real Chromium on another origin: popup,
    full page, silent renewal after the access token's end, sign-out in a hidden frame; with exactly the
    configuration that docs/oidc-jitsi.md shows (the test reads it from the page).
    """
    window, tokens = signed_in(open_page, meeting)
    check(service, tokens["jwt"])
    assert claims_of(tokens["idToken"])["aud"] == "meet"
    assert tokens["refreshToken"]
    expect(window.page.locator("#connected")).to_have_text(tokens["jwt"])
    assert window.problems == []


def test_after_the_end_of_the_access_token_it_is_renewed_silently(
    service: Secure, meeting: JitsiPage, open_page: OpenPage
) -> None:
    """The sign-in page, built from the client's own functions, in a real Chromium on another origin: popup,
    full page, silent renewal after the access token's end, sign-out in a hidden frame; with exactly the
    configuration that docs/oidc-jitsi.md shows (the test reads it from the page).
    """
    window, tokens = signed_in(open_page, meeting)
    page = window.page
    page.get_by_role("button", name="Load again").click()
    expect(page.locator("#asked")).to_have_text("false")
    page.clock.set_fixed_time((claims_of(tokens["jwt"])["exp"] + 1) * 1000)
    renewed = in_a_popup(page, "Load again", signs_in=False)
    check(service, renewed["jwt"])
    assert renewed["refreshToken"] != tokens["refreshToken"]
    again = in_a_popup(page, "Load again", signs_in=False)
    check(service, again["jwt"])
    assert len({found["jwt"] for found in (tokens, renewed, again)}) == 3
    assert window.problems == []


def test_where_there_are_no_windows_the_whole_page_signs_in(
    service: Secure, meeting: JitsiPage, open_page: OpenPage
) -> None:
    """Jitsi's page: a test page of our own that performs exactly the requests of the contract (popup and full
    page, refresh) in a real browser on another origin; the resulting access token passes `issuer verify`.

    The sign-in page, built from the client's own functions, in a real Chromium on another origin: popup,
    full page, silent renewal after the access token's end, sign-out in a hidden frame; with exactly the
    configuration that docs/oidc-jitsi.md shows (the test reads it from the page).
    """
    window = open_page(meeting.url + ROOM, any_certificate=True)
    page = window.page
    # As in the browser of an app, which opens no second window.
    page.evaluate("() => { window.open = url => { location.href = url; return window; }; }")
    page.get_by_role("button", name="Sign in", exact=True).click()
    sign_in(page)
    tokens = tokens_in(page)
    check(service, tokens["jwt"])
    place = json.loads(page.locator("#place").inner_text())
    assert (place["room"], place["tenant"]) == ("my%20room", "acme")
    assert "config.subject=Q%26A" in place["hash"]
    assert "config.startWithAudioMuted=true" in place["hash"]
    assert window.problems == []


def test_sign_out_in_a_hidden_frame(service: Secure, meeting: JitsiPage, open_page: OpenPage) -> None:
    """The sign-in page, built from the client's own functions, in a real Chromium on another origin: popup,
    full page, silent renewal after the access token's end, sign-out in a hidden frame; with exactly the
    configuration that docs/oidc-jitsi.md shows (the test reads it from the page).
    """
    window, tokens = signed_in(open_page, meeting)
    window.page.get_by_role("button", name="Sign out").click()
    expect(window.page.locator("#tokens")).not_to_contain_text('"jwt":"')
    assert window.page.frames == [window.page.main_frame]
    window.page.goto(f"{service.url}/")
    expect(window.page.get_by_label("Password")).to_be_visible()
    spent = requests.post(
        f"{service.url}/oidc/token",
        data={"grant_type": "refresh_token", "refresh_token": tokens["refreshToken"], "client_id": "meet"},
        verify=str(service.authority.path),
        timeout=30,
    )
    assert spent.json()["error"] == "invalid_grant"
    assert window.problems == []


def test_the_page_says_nothing_that_the_client_does_not_read() -> None:
    """The client appends `&nonce=` itself, and knows no `{nonce}`; `ssoService` is not read."""
    (js,) = PAGE.blocks("js")
    assert "nonce" not in js
    assert "ssoService" not in js
    assert "config.tokenAuthInline = true;" in js


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
