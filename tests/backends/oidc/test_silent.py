"""No page where none is needed: the default, and those who are still signed in at the provider."""

from typing import Any

from tests.backends.oidc.conftest import BuildHouse
from tests.backends.oidc.trips import INSTANCE, Browser, House, parameter

MEETING = "/jitsi/login?room=board"
JITSI = {
    "server_url": "https://meet.example.com",
    "app_id": "jitsi",
    "algorithm": "RS256",
}


def forget_session(browser: Browser) -> None:
    """As when it has expired, or the browser was closed."""
    browser.client.delete_cookie("__Host-issuer_session")


def asked(browser: Browser, path: str = MEETING) -> str:
    """Return where the browser is sent for a path."""
    answer = browser.client.get(path)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def meeting_house(build_house: BuildHouse, **data: Any) -> House:
    return build_house(data={"modules": {"jitsi": JITSI}, **data})


def test_a_default_needs_no_page_of_ours(build_house: BuildHouse) -> None:
    """From the meeting straight to the provider, and from there straight back."""
    house = meeting_house(build_house, sign_in={"default": INSTANCE})
    browser = house.browser()
    location = asked(browser)
    assert location.startswith(f"{house.provider.issuer}/auth?")
    back = browser.come_back(browser.visit.sign_in(location, "rose"))
    assert (back.status_code, back.headers["Location"]) == (303, MEETING)
    meeting = browser.client.get(MEETING)
    assert meeting.headers["Location"].startswith("https://meet.example.com/board?jwt=")
    forget_session(browser)
    house.provider.seen()
    browser.come_back(browser.visit.follow(asked(browser)).headers["Location"])
    assert house.provider.seen() == ["GET /auth", "POST /token", "GET /me"]
    page = browser.house.gateway.client().get("/login?page=1")
    assert 'name="password"' in page.text
    assert "Sign in with Example" in page.text


def test_jitsi_is_reloaded_by_somebody_who_is_still_signed_in_at_the_provider(
    build_house: BuildHouse,
) -> None:
    house = meeting_house(build_house)
    browser = house.browser()
    assert asked(browser).startswith("/login?")  # a page, for nobody knows this browser
    browser.sign_in("rose")
    forget_session(browser)
    location = asked(browser)
    assert parameter(location, "prompt") == "none"
    answer = browser.visit.follow(location)
    back = browser.come_back(answer.headers["Location"])
    assert (back.status_code, back.headers["Location"]) == (303, MEETING)
    assert browser.signed_in()


def test_somebody_who_is_signed_in_nowhere_sees_the_page_and_no_loop(build_house: BuildHouse) -> None:
    house = meeting_house(build_house)
    browser = house.browser()
    browser.sign_in("rose")
    forget_session(browser)
    stranger = house.browser()
    answer = stranger.visit.follow(asked(browser))  # the same browser, without the provider's cookies
    back = browser.come_back(answer.headers["Location"])
    assert back.status_code == 303
    page = browser.client.get(back.headers["Location"])
    assert page.status_code == 200
    assert "Sign in with Example" in page.text
    assert "board" in page.text
    assert asked(browser).startswith("/login?")  # and it is not tried again
    assert browser.client.get(asked(browser)).status_code == 200


def test_who_signs_out_is_not_signed_in_again_by_itself(build_house: BuildHouse) -> None:
    house = meeting_house(build_house)
    browser = house.browser()
    browser.sign_in("rose")
    browser.client.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert asked(browser).startswith("/login?")


def test_what_goes_wrong_on_the_way_is_not_tried_again_by_itself(build_house: BuildHouse) -> None:
    house = meeting_house(build_house)
    browser = house.browser()
    browser.sign_in("rose")
    forget_session(browser)
    answer = browser.visit.follow(asked(browser))
    house.provider.once("/token", status=500, body="x")
    assert browser.come_back(answer.headers["Location"]).status_code == 503
    assert asked(browser).startswith("/login?")


def test_a_stronger_sign_in(build_house: BuildHouse) -> None:
    """A rule asks for more: the provider is asked for it, and who comes back strong enough goes on."""
    house = build_house(
        {"acr_levels": {"2": 3}}, data={"modules": {"jitsi": {**JITSI, "rule": "authLevel >= 3"}}}
    )
    browser = house.browser()
    browser.sign_in("rose")
    page = asked(browser)
    button = browser.client.get(page).text.partition(f'href="/login/{INSTANCE}')[2].partition('"')[0]
    location = browser.client.get(f"/login/{INSTANCE}{button.replace('&amp;', '&')}").headers["Location"]
    assert parameter(location, "acr_values") == "2"
    back = browser.come_back(browser.visit.sign_in(location, "rose", acr="2"))
    assert browser.client.get(back.headers["Location"]).status_code in {302, 303}
    assert house.person("rose").auth_level == 3
    assert browser.client.get(MEETING).headers["Location"].startswith("https://meet.example.com/board?jwt=")
