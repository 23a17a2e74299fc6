"""The second factor in a real Chromium, on the product as operators run it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.test_browser import assert_good
from tests.authentication.factors.apps import App
from tests.browser import OpenPage
from tests.service import CONFIGURATION, PASSWORD, Service

KEY = "8f1c7d3b5a9e204f6680cc1b2d4e7a93bb05f8127d6e4c3a91f0e2d4c6b8a701"
FACTOR = f"""
[second_factor]
key = "{KEY}"
required = 'inGroup("users")'
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, programs: None) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("service"), CONFIGURATION + FACTOR)
    service.add_users("dwho", "rtyler")
    service.start()
    yield service
    service.stop()


def _give_password(page: Page, uid: str) -> None:
    page.get_by_label("User name").fill(uid)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize(("uid", "width", "dark"), [("dwho", 1280, False), ("rtyler", 390, True)])
def test_from_the_password_to_a_lost_phone(
    service: Service, open_page: OpenPage, tmp_path: Path, uid: str, width: int, dark: bool
) -> None:
    window = open_page(service.url + "/sessions", width=width, dark=dark)
    page = window.page
    _give_password(page, uid)
    expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
    assert_good(window, tmp_path, "set-up")
    app = App.scan(page.locator("svg.qr").evaluate("element => element.outerHTML"))
    page.get_by_text("I cannot scan it").click()
    assert page.locator(".key").inner_text().replace(" ", "") == app.secret
    page.get_by_label("Code", exact=True).fill("000000")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_contain_text("This code is wrong.")
    page.get_by_label("Code", exact=True).fill(app.code(time.time()))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    recovery = page.locator(".codes li").all_inner_texts()
    page.get_by_role("link", name="I have them").click()
    expect(page.get_by_role("heading", name="Your sessions")).to_be_visible()

    page.get_by_role("button", name="Sign out").first.click()
    page.goto(service.url)
    _give_password(page, uid)
    field = page.get_by_label("Code", exact=True)
    expect(field).to_be_focused()
    assert_good(window, tmp_path, "code")
    field.fill(app.code(time.time(), 1))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Hello")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    page.goto(service.url)
    _give_password(page, uid)
    page.get_by_text("I cannot use my app").click()
    page.get_by_label("One of your recovery codes").fill(recovery[0])
    page.get_by_role("button", name="Sign in with a recovery code").click()
    expect(page.get_by_role("heading", name="Hello")).to_be_visible()
    page.goto(service.url + "/second-factor")
    expect(page.get_by_text("Unused codes: 9")).to_be_visible()
    assert_good(window, tmp_path, "factor")

    assert f"second factor of {uid} removed" in service.run("second-factor", "remove", uid)
    page.reload()
    expect(page.get_by_role("button", name="Set it up")).to_be_visible()
