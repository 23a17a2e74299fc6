"""The whole trip in a real Chromium, from Jitsi's `TOKEN_AUTH_URL` to the meeting page and back."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import OpenPage, Window

LOOKS = [(1280, False), (1280, True), (390, False), (390, True)]


def token_auth_url(portal: str, room: str) -> str:
    return f"{portal}/jitsi/login?room={room}"


def sign_in(page: Page, uid: str) -> None:
    field = page.get_by_label("User name")
    expect(field).to_be_focused()
    field.fill(uid)
    page.get_by_label("Password").fill(uid)
    page.get_by_role("button", name="Sign in").click()


def assert_good(window: Window, tmp_path: Path, name: str) -> None:
    window.page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    assert window.overflow == 0
    assert window.problems == []
    assert window.accessibility_problems == []


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_from_jitsi_to_the_meeting_and_back(
    demo_addresses: tuple[str, str], open_page: OpenPage, tmp_path: Path, width: int, dark: bool
) -> None:
    """In a real headless Chromium: from Jitsi's `TOKEN_AUTH_URL` through the sign-in form to the meeting page
    on its other origin with a verified token; a second room without another sign-in; sign-out ends it; a user
    whom the rule refuses sees a page that says so; the same at 390 px width and in dark mode (look at the
    screenshots yourself).
    """
    portal, meeting = demo_addresses
    window = open_page(token_auth_url(portal, "Team%20Meeting"), width=width, dark=dark)
    page = window.page
    assert_good(window, tmp_path, "login")
    sign_in(page, "dwho")
    expect(page.get_by_text("Jitsi would let you in.")).to_be_visible()
    assert page.url.startswith(f"{meeting}/Team%20Meeting?jwt=")
    assert_good(window, tmp_path, "meeting")

    page.goto(token_auth_url(portal, "Second%20Room"))
    assert page.url.startswith(f"{meeting}/Second%20Room?jwt=")
    expect(page.get_by_text("Jitsi would let you in.")).to_be_visible()

    page.goto(portal)
    expect(page.get_by_role("heading", name="Hello, Doctor Who")).to_be_visible()
    assert_good(window, tmp_path, "home")
    page.get_by_role("button", name="Sign out").click()
    page.goto(token_auth_url(portal, "Second%20Room"))
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()

    sign_in(page, "msmith")
    expect(page.get_by_role("heading", name="You are not allowed")).to_be_visible()
    assert page.url.startswith(portal)
    assert_good(window, tmp_path, "refused")


def test_a_meeting_starts_from_the_portals_home(
    demo_addresses: tuple[str, str], open_page: OpenPage, tmp_path: Path
) -> None:
    portal, meeting = demo_addresses
    window = open_page(portal)
    sign_in(window.page, "rtyler")
    window.page.get_by_label("Name of the room").fill("Café & Bar?")
    window.page.get_by_role("button", name="Start or join").click()
    expect(window.page.get_by_text("Jitsi would let you in.")).to_be_visible()
    assert window.page.url.startswith(f"{meeting}/Caf%C3%A9%20%20Bar?jwt=")
    assert_good(window, tmp_path, "from-home")


def test_sessions_can_be_ended_from_another_browser(
    demo_addresses: tuple[str, str], open_page: OpenPage, tmp_path: Path
) -> None:
    portal, _ = demo_addresses
    here, there = open_page(portal), open_page(portal)
    sign_in(here.page, "rtyler")
    sign_in(there.page, "rtyler")
    here.page.get_by_role("link", name="Sessions").click()
    assert_good(here, tmp_path, "sessions")
    here.page.get_by_role("button", name="End all other sessions").click()
    there.page.reload()
    expect(there.page.get_by_role("button", name="Sign in")).to_be_visible()
    here.page.reload()
    expect(here.page.get_by_role("heading", name="Your sessions")).to_be_visible()


def test_the_page_that_stands_in_for_jitsi_asks_with_state(
    demo_addresses: tuple[str, str], open_page: OpenPage
) -> None:
    """The demo's page asks as Jitsi's client does: with `state`, in which the room is percent-encoded."""
    _portal, meeting = demo_addresses
    window = open_page(f"{meeting}/Acme/%C3%9Cbung%201")
    window.page.locator("main a").first.click()
    assert "state%3D" in window.page.url or "state=" in window.page.url
    sign_in(window.page, "dwho")
    expect(window.page.get_by_text("Jitsi would let you in.")).to_be_visible()
    assert window.page.url.startswith(f"{meeting}/acme/%C3%9Cbung%201?jwt=")
