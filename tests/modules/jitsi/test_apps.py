"""The page for Jitsi's apps, which offers the link that opens the app."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from issuer.settings.problems import ConfigError
from tests.browser import OpenPage, Window
from tests.gateway import BuildGateway, LocalGateway
from tests.modules.jitsi.meetings import faults, instance, token_in
from tests.pages.harness import serving

LINKS = {
    "ios": ("org.jitsi.meet://meet.example.com/My%20Room", ""),
    "android": (
        "intent://meet.example.com/My%20Room",
        "#Intent;scheme=org.jitsi.meet;package=org.jitsi.meet;end",
    ),
    "electron": ("jitsi-meet://meet.example.com/My%20Room", ""),
}


def address(platform: str, room: str = "My Room", **state: object) -> str:
    content = {"room": room, "config.x": "<script>alert('&\"')</script>", platform: True, **state}
    return f"/jitsi/login?{urlencode({'room': room, 'state': json.dumps(content)})}"


def open_signed_in(gateway: LocalGateway, open_page: OpenPage, portal: str, path: str, **how: Any) -> Window:
    window = open_page(f"{portal}/login", **how)
    cookie = gateway.sign_in("dwho").get_cookie("issuer_session")
    assert cookie
    window.page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": portal}])
    window.page.goto(f"{portal}{path}")
    return window


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    data = instance() | {"public_url": "http://127.0.0.1/"}
    return build_gateway(data, users={"dwho": ()}, keys=())


@pytest.mark.parametrize("platform", LINKS)
def test_the_page_offers_the_app(gateway: LocalGateway, open_page: OpenPage, platform: str) -> None:
    with serving(gateway.app) as portal:
        window = open_signed_in(gateway, open_page, portal, address(platform), width=390, dark=True)
        page = window.page
        links = [link.get_attribute("href") or "" for link in page.locator("main a").all()]
        assert page.inner_text("h1") == "You are signed in"
        assert "my room" in page.inner_text("main")
        assert window.problems == []
        assert window.overflow == 0
        assert window.accessibility_problems == []
    app, browser = links
    start, end = LINKS[platform]
    assert app.startswith(f"{start}?jwt=")
    assert app.endswith(end)
    assert f"https:{app.partition(':')[2].removesuffix(end)}" == browser
    assert browser.startswith("https://meet.example.com/My%20Room?jwt=")
    assert faults(gateway, token_in(browser), "my%20room") == []
    assert "config.x=" in browser
    assert "<" not in browser


def test_a_long_name_stays_in_its_place(gateway: LocalGateway, open_page: OpenPage) -> None:
    with serving(gateway.app) as portal:
        path = address("ios", room="Donaudampfschifffahrtsgesellschaft" * 20)
        window = open_signed_in(gateway, open_page, portal, path, width=390)
        assert window.overflow == 0


def test_the_page_is_kept_by_nobody(gateway: LocalGateway) -> None:
    answer = gateway.sign_in("dwho").get(address("ios"))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert len(gateway.parts.store.issuances.search()) == 1
    assert gateway.client().get(address("ios")).status_code == 303


def test_links_of_an_app_of_ones_own(build_gateway: BuildGateway) -> None:
    """scheme and package of the app links are options"""
    apps = {
        "scheme": "com.example.meet",
        "package": "com.example.meet.android",
        "desktop_scheme": "example-meet",
    }
    gateway = build_gateway(instance(apps=apps), users={"dwho": ()}, keys=())
    client = gateway.sign_in("dwho")
    for platform, start in (
        ("ios", "com.example.meet://meet.example.com/My%20Room?jwt="),
        ("android", "intent://meet.example.com/My%20Room?jwt="),
        ("electron", "example-meet://meet.example.com/My%20Room?jwt="),
    ):
        page = client.get(address(platform)).text
        assert f'href="{start}' in page
        assert ("#Intent;scheme=com.example.meet;package=com.example.meet.android;end" in page) is (
            platform == "android"
        )
        assert "jitsi.meet" not in page


@pytest.mark.parametrize(
    "apps",
    [
        {"scheme": "javascript"},
        {"scheme": "https"},
        {"desktop_scheme": "data"},
        {"scheme": "a b"},
        {"scheme": "x:"},
        {"scheme": "x;package=evil"},
        {"package": "x;end"},
        {"package": "meet"},
        {"package": "a.b\n"},
    ],
)
def test_what_is_no_app_is_found_at_start(build_gateway: BuildGateway, apps: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"modules\.jitsi\.apps"):
        build_gateway(instance(apps=apps), keys=())
