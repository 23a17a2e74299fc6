"""Every page, as a person meets it: on a phone, on a desk, in the dark, by keyboard, read out loud."""

import re
from typing import get_args

import pytest
from playwright.sync_api import Page, expect

from issuer.backend import Icon
from tests.browser import OpenPage
from tests.docs.pages import ROOT
from tests.pages.harness import CASES

SMALL_TARGETS = """
    [...document.querySelectorAll("a:not(.skip, .tile a), button, input:not([type=hidden]), summary")]
        .filter(target => target.getBoundingClientRect().height < 44)
        .map(target => target.outerHTML)
"""


def test_every_icon_of_a_button_is_drawn() -> None:
    text = (ROOT / "templates/_icons.html").read_text()
    assert {*get_args(Icon)} <= {*re.findall(r"^  '(\w+)': \[", text, re.MULTILINE)}


def _focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.innerText"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", CASES)
def test_a_page_pleases_the_browser_and_the_accessibility_rules(
    open_page: OpenPage, pages: str, name: str, dark: bool
) -> None:
    window = open_page(pages + name, width=1280 if dark else 390, dark=dark)
    assert window.problems == []
    assert window.overflow == 0
    assert window.page.title().endswith(f" · {CASES[name].name}")
    assert window.page.locator("h1").count() == 1
    assert window.page.get_by_text("Do not use this for real").count() == int(CASES[name].demo)
    assert window.accessibility_problems == []


@pytest.mark.parametrize("lang", ["fr", "de"])
@pytest.mark.parametrize("name", CASES)
def test_a_page_fits_phones_and_fingers(open_page: OpenPage, pages: str, name: str, lang: str) -> None:
    window = open_page(pages + name, width=320, lang=lang)
    page = window.page
    assert page.get_attribute("html", "lang") == lang
    assert page.evaluate(SMALL_TARGETS) == []
    for width in (320, 390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert window.overflow == 0, f"scrolls sideways at {width}"


def test_signing_in_by_keyboard(open_page: OpenPage, pages: str) -> None:
    page = open_page(pages + "login").page
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("dwho")
    page.keyboard.press("Tab")
    page.keyboard.type("secret")
    page.keyboard.press("Tab")
    assert _focused(page) == "Sign in"
    with page.expect_request("**/login") as sent:
        page.keyboard.press("Enter")
    assert sent.value.method == "POST"
    assert sent.value.post_data == "next=%2F&login=dwho&password=secret"


def test_after_a_failure_the_password_is_asked_again_and_the_reason_is_read_out(
    open_page: OpenPage, pages: str
) -> None:
    page = open_page(pages + "login-failed").page
    expect(page.get_by_label("Password")).to_be_focused()
    assert page.get_by_label("User name").input_value() == "dwho"
    assert page.get_by_role("alert").inner_text() == "They do not match."
    assert page.get_by_label("Password").get_attribute("aria-describedby") == "login-error"


def test_the_first_key_leads_past_the_header(open_page: OpenPage, pages: str) -> None:
    page = open_page(pages + "home").page
    page.keyboard.press("Tab")
    assert _focused(page) == "Skip to content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert _focused(page) == "tile-1"


def test_a_form_on_a_tile_is_sent_where_it_says(open_page: OpenPage, pages: str) -> None:
    page = open_page(pages + "home").page
    page.get_by_label("Name of the room").first.fill("Monday round")
    with page.expect_request("**/jitsi/login?*") as sent:
        page.keyboard.press("Enter")
    assert sent.value.url.endswith("/jitsi/login?room=Monday+round")


def test_buttons_that_look_alike_sound_different(open_page: OpenPage, pages: str) -> None:
    page = open_page(pages + "sessions").page
    page.get_by_role("button", name="End the session of Safari on iPhone").click()
    assert page.url.endswith("/sessions/safari%20on%20iphone/end")


def test_ending_the_other_sessions_is_offered_only_when_there_are_some(
    open_page: OpenPage, pages: str
) -> None:
    assert open_page(pages + "sessions").page.get_by_role("button", name="End all other sessions").count()
    alone = open_page(pages + "sessions-one").page
    assert not alone.get_by_role("button", name="End all other sessions").count()


def test_texts_that_python_holds_are_translated_when_shown(open_page: OpenPage, pages: str) -> None:
    page = open_page(pages + "error", lang="de").page
    assert page.locator("h1").inner_text() == "Sie dürfen dies nicht benutzen."
    page = open_page(pages + "sessions", lang="fr").page
    assert "1 mars 2026, 14:05" in page.locator("time").first.inner_text()
