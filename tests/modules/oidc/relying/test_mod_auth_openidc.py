"""Debian's libapache2-mod-auth-openidc in front of a page."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import expect

from tests.browser import OpenPage, browser, open_page
from tests.modules.oidc.relying.apache import Apache
from tests.modules.oidc.relying.office import SECRET, Visitor, start
from tests.service import PASSWORD, Service

__all__ = ["browser", "open_page"]


@pytest.fixture(scope="module")
def apache(programs: None) -> Iterator[Apache]:
    """Not below pytest's own directory, which every run of pytest closes to other users again."""
    with TemporaryDirectory() as folder:
        server = Apache(Path(folder))
        yield server
        server.stop()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, apache: Apache, programs: None) -> Iterator[Service]:
    client = f"""\
[modules.oidc.clients.apache]
secret = "{SECRET}"
redirect_uris = ["{apache.url}/private/callback"]
"""
    running = start(tmp_path_factory.mktemp("provider"), client)
    apache.start(f"{running.url}/oidc")
    yield running
    running.stop()


def test_a_page_behind_apache_is_for_those_who_signed_in(service: Service, apache: Apache) -> None:
    """In a real browser, and with independent clients that the fixture starts: `openid-client` from npm
    (code + PKCE, refresh, device, introspection), Debian's `libapache2-mod-auth-openidc` in front of a
    page, a real Synapse with our module as its SSO provider (a user signs in to Matrix through us).
    """
    visitor = Visitor(service)
    private = f"{apache.url}/private/"
    callback = visitor.go(private, until=f"{apache.url}/private/callback?")
    back = visitor.http.get(callback, allow_redirects=False, timeout=30)
    assert back.headers["Location"] == private, (apache.folder / "error.log").read_text()
    page = visitor.http.get(private, allow_redirects=False, timeout=30)
    assert "The private page" in page.text
    assert page.headers["X-Who"].startswith("dwho")
    assert page.headers["X-Mail"] == "dwho@example.com"


def test_in_a_browser(service: Service, apache: Apache, open_page: OpenPage) -> None:
    """In a real browser, and with independent clients that the fixture starts: `openid-client` from npm
    (code + PKCE, refresh, device, introspection), Debian's `libapache2-mod-auth-openidc` in front of a
    page, a real Synapse with our module as its SSO provider (a user signs in to Matrix through us).
    """
    window = open_page(f"{apache.url}/private/")
    page = window.page
    page.get_by_label("User name").fill("dwho")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    allow, private = (
        page.get_by_role("button", name="Allow", exact=True),
        page.get_by_text("The private page"),
    )
    expect(allow.or_(private)).to_be_visible()
    if allow.is_visible():
        allow.click()
    expect(private).to_be_visible()
    assert page.url == f"{apache.url}/private/"
