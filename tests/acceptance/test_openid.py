"""An OpenID Connect provider as upstream: the service in its processes, a real provider, a real browser."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.test_browser import assert_good
from tests.browser import OpenPage
from tests.openid.provider import Provider
from tests.service import Service

LOOKS = [(1280, False), (390, True)]
SECTION = """
[backends.local]

[backends.example]
type = "oidc"
label = "Example ID"
icon = "key"
issuer = "{issuer}"
client_id = "{client_id}"
client_secret = "{client_secret}"
"""


@pytest.fixture(scope="module")
def portal(provider: Provider, tmp_path_factory: pytest.TempPathFactory, programs: None) -> Iterator[str]:
    """The address of a service whose people may sign in at the provider."""
    service = Service(tmp_path_factory.mktemp("service"))
    here = f"{service.url}/login/example"
    client = provider.register(
        f"{here}/callback",
        backchannel_logout_uri=f"{here}/backchannel",
        backchannel_logout_session_required=True,
        post_logout_redirect_uris=[f"{service.url}/logout"],
    )
    section = SECTION.format(issuer=provider.issuer, **client)
    service.file.write_text(service.file.read_text() + section)
    service.add_users("dwho")
    service.start()
    yield service.url
    service.stop()


def sign_in_there(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name="Example ID")).to_be_visible()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Continue").click()


def sign_out_there(page: Page) -> None:
    page.get_by_role("button", name="Yes, sign me out").click()


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_the_whole_trip(
    portal: str, provider: Provider, open_page: OpenPage, tmp_path: Path, width: int, dark: bool
) -> None:
    """A real independent provider from npm (`oidc-provider`, started by the fixture) as upstream: the whole
    trip in a real browser, then: state of another browser, replayed code, nonce of another login, token of
    another client, rotated keys, algorithm confusion, provider down, a self-chosen `preferred_username` of an
    existing local user, back-channel logout ending our session within 2 s.
    """
    window = open_page(portal, width=width, dark=dark)
    page = window.page
    expect(page.get_by_label("User name")).to_be_visible()
    assert_good(window, tmp_path, "buttons")
    page.get_by_role("link", name="Sign in with Example ID").click()
    assert page.url.startswith(f"{provider.issuer}/interaction/")
    sign_in_there(page, "rose")
    expect(page.get_by_role("heading", name="Hello, Rose Tyler")).to_be_visible()
    assert page.url == f"{portal}/"
    assert_good(window, tmp_path, "home")
    assert {cookie["name"] for cookie in page.context.cookies(portal)} >= {"issuer_session"}
    assert not any(cookie["name"].startswith("issuer_oidc") for cookie in page.context.cookies(portal))

    page.get_by_role("button", name="Sign out").click()
    assert page.url.startswith(f"{provider.issuer}/session/end")
    sign_out_there(page)
    page.wait_for_url(f"{portal}/logout")
    page.goto(portal)
    page.get_by_role("link", name="Sign in with Example ID").click()
    expect(page.get_by_role("heading", name="Example ID")).to_be_visible()
    page.get_by_role("button", name="No, thanks").click()
    expect(page.get_by_role("heading", name="You were not signed in.")).to_be_visible()
    assert_good(window, tmp_path, "refused")


def test_two_tabs_and_a_living_session_there(portal: str, open_page: OpenPage) -> None:
    first = open_page(f"{portal}/sessions").page
    second = first.context.new_page()
    second.goto(portal)
    for page in (first, second):
        page.get_by_role("link", name="Sign in with Example ID").click()
    sign_in_there(first, "rose")
    expect(first.get_by_role("heading", name="Your sessions")).to_be_visible()
    sign_in_there(second, "rose")
    expect(second.get_by_role("heading", name="Hello, Rose Tyler")).to_be_visible()
    first.context.clear_cookies(name="issuer_session")
    first.goto(portal)  # comes back from the provider without a page
    expect(first.get_by_role("heading", name="Hello, Rose Tyler")).to_be_visible()


def test_a_sign_out_at_the_provider_ends_the_session_here(
    portal: str, provider: Provider, open_page: OpenPage
) -> None:
    """A real independent provider from npm (`oidc-provider`, started by the fixture) as upstream: the whole
    trip in a real browser, then: state of another browser, replayed code, nonce of another login, token of
    another client, rotated keys, algorithm confusion, provider down, a self-chosen `preferred_username` of an
    existing local user, back-channel logout ending our session within 2 s.
    """
    page, other = open_page(portal).page, open_page(portal).page
    for window in (page, other):
        window.get_by_role("link", name="Sign in with Example ID").click()
        sign_in_there(window, "rose")
        expect(window.get_by_role("heading", name="Hello, Rose Tyler")).to_be_visible()
    page.goto(f"{provider.issuer}/session/end")
    sign_out_there(page)
    began = time.monotonic()
    while page.request.get(f"{portal}/sessions", max_redirects=0).status == 200:
        assert time.monotonic() - began < 2
    page.goto(f"{portal}/sessions")
    expect(page.get_by_role("link", name="Sign in with Example ID")).to_be_visible()
    other.reload()
    expect(other.get_by_role("heading", name="Hello, Rose Tyler")).to_be_visible()
