"""Whoever may not meet is not invited to, and whoever is refused reads what helps."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.browser import OpenPage
from tests.gateway import BuildGateway, LocalGateway
from tests.modules.jitsi.meetings import instance
from tests.pages.harness import serving

TILE = 'action="/jitsi/start"'
USERS = {"staff": ("staff",), "guest": ("guests",)}


def shows_tile(client: FlaskClient) -> bool:
    return TILE in client.get("/").text


@pytest.mark.parametrize(
    ("options", "staff", "guest"),
    [
        ({"rule": "accept"}, True, True),
        ({"rule": "deny"}, False, False),
        ({"rule": 'inGroup("staff")'}, True, False),
        ({"rule": 'inGroup("staff") && room != "secret"'}, True, False),
        ({"rule": 'room != "secret" && inGroup("staff")'}, True, False),
        ({"rule": 'inGroup("staff") || room.startsWith("open-")'}, True, True),
        ({"rule": 'room == uid + "-room"'}, True, True),
        ({"rule": 'tenant == "acme" && inGroup("staff")'}, True, False),
        ({"rule": 'isInNet("10.0.0.0/8")'}, False, False),
        ({"rule": "missing == 1"}, False, False),
        ({"rule": "deny", "rooms": [{"match": "open-*", "rule": 'inGroup("guests")'}]}, False, True),
        ({"rule": "authLevel >= 3"}, False, False),
    ],
)
def test_the_tile_is_for_those_whom_a_rule_may_allow(
    build_gateway: BuildGateway, options: dict[str, object], staff: bool, guest: bool
) -> None:
    """The tile "Video meeting" is for those whom the rule may allow (ask the rule without a room; else no
    tile)."""
    gateway = build_gateway(instance(**options), users=USERS, keys=())
    assert {name: shows_tile(gateway.sign_in(name)) for name in USERS} == {"staff": staff, "guest": guest}
    assert gateway.parts.store.issuances.search() == []


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    rooms = [{"match": "open-*", "rule": "accept"}]
    data = instance(rule='inGroup("staff") && room != "board"', rooms=rooms)
    data["modules"]["closed"] = {
        **data["modules"]["jitsi"],
        "type": "jitsi",
        "rule": 'inGroup("staff")',
        "rooms": [],
    }
    data["portal"] = {"support": "help@example.com"}
    return build_gateway(data, users=USERS, keys=())


def test_a_refusal_says_what_helps_and_whom_to_ask(gateway: LocalGateway) -> None:
    """a refusal names whom to ask (the option `portal.support`, made here), and "choose another room" stands
    only where another room could help."""
    for uid, path, another in (
        ("staff", "/jitsi/login?room=board", True),
        ("guest", "/jitsi/login?room=board", True),
        ("guest", "/closed/login?room=x", False),
    ):
        page = gateway.sign_in(uid).get(path)
        assert page.status_code == 403
        assert ("Choose another room" in page.text) is another
        assert ("No other room will help" in page.text) is not another
        assert '<a href="mailto:help@example.com">help@example.com</a>' in page.text
    assert "help@example.com" not in gateway.sign_in("staff").get("/jitsi/login?room=*").text


@pytest.mark.parametrize(
    ("support", "shown"),
    [
        ("", None),
        ("https://help.example.com/x?a=1&b=2", 'href="https://help.example.com/x?a=1&amp;b=2"'),
        ("the help desk, phone 4711 <b>", "the help desk, phone 4711 &lt;b&gt;"),
        ("javascript:alert(1)", "javascript:alert(1)</span>"),
        ("Help <a@b.example>", "Help &lt;a@b.example&gt;</span>"),
    ],
)
def test_whom_to_ask_is_a_link_or_words(build_gateway: BuildGateway, support: str, shown: str | None) -> None:
    data = instance(rule="deny") | {"portal": {"support": support}}
    client = build_gateway(data, users=USERS, keys=()).sign_in("guest")
    refused, home = client.get("/jitsi/login?room=x").text, client.get("/").text
    if shown is None:
        assert "Ask:" not in refused + home
    else:
        assert shown in refused
        assert shown in home


@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1280, False), (1280, True)])
def test_the_pages_are_for_people(
    build_gateway: BuildGateway, open_page: OpenPage, tmp_path: Path, width: int, dark: bool
) -> None:
    data = instance(rule="deny") | {
        "public_url": "http://127.0.0.1/",
        "portal": {"support": "help@example.com"},
    }
    gateway = build_gateway(data, users=USERS, keys=())
    with serving(gateway.app) as portal:
        window = open_page(f"{portal}/login", width=width, dark=dark)
        cookie = gateway.sign_in("guest").get_cookie("issuer_session")
        assert cookie
        window.page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": portal}])
        for path, link in (("/jitsi/login?room=x", "help@example.com"), ("/", "help@example.com")):
            window.page.goto(f"{portal}{path}")
            assert (
                window.page.get_by_role("link", name=link).get_attribute("href") == "mailto:help@example.com"
            )
            window.page.screenshot(path=tmp_path / f"{path[1:6]}.png", full_page=True)
            assert window.overflow == 0
            assert window.accessibility_problems == []
