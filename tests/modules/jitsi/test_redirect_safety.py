"""Where a browser goes with its token, whatever strangers ask for."""

from collections import Counter
from collections.abc import Iterator
from urllib.parse import quote, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.browser import OpenPage
from tests.gateway import BuildGateway, LocalGateway
from tests.modules.jitsi.meetings import instance
from tests.modules.jitsi.nasty import NASTY, STATES
from tests.node import Node
from tests.pages.harness import serving

SERVER = "https://meet.example.com:8443/a/video"
PLACES = ["protocol", "username", "password", "hostname", "port"]


@pytest.fixture
def client(build_gateway: BuildGateway) -> FlaskClient:
    gateway = build_gateway(instance(server_url=SERVER), users={"dwho": ()}, keys=())
    return gateway.sign_in("dwho")


def addresses(room: str, tenant: str | None, state: str | None) -> Iterator[tuple[str, str | None]]:
    """Give addresses that ask for these, and the tenant as far as the query names it."""
    asked = {name: text for name, text in (("tenant", tenant), ("state", state)) if text is not None}
    yield f"/jitsi/login?{urlencode({'room': room, **asked})}", tenant
    yield f"/jitsi/login?{urlencode({'room': 'r', **asked})}", tenant
    yield f"/jitsi/login?{urlencode(asked)}", tenant
    yield f"/jitsi/login?room={quote(room)}", None
    yield f"/jitsi/login/{quote(room, safe='')}?{urlencode({'tenant': tenant or ''})}", tenant
    yield f"/jitsi/login/{quote(room)}", None


def test_redirect_safety(client: FlaskClient, node: Node) -> None:
    """Redirect safety: a property test throws arbitrary text at `room`, `tenant` and `state`; the Location,
    parsed as a browser parses it (node's `new URL()`, and some cases in Chromium), always has the scheme,
    host and port of the configured server and exactly the expected number of path segments."""
    base = node.url_parse(SERVER)
    assert base
    outcomes: Counter[str] = Counter()

    @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    @given(NASTY, st.none() | NASTY | st.sampled_from(["acme", "A-1"]), st.none() | STATES)
    def throw(room: str, tenant: str | None, state: str | None) -> None:
        for url, asked in addresses(room, tenant, state):
            answer = client.get(url)
            outcomes[answer.status] += 1
            if answer.status_code == 400:
                assert "Location" not in answer.headers
                continue
            assert answer.status_code == 302
            location = node.url_parse(answer.headers["Location"])
            assert location
            assert [location[part] for part in PLACES] == [base[part] for part in PLACES]
            # What state may add is a tenant, and one that the query names is always there.
            tenants = {1} if asked else {0} if "state=" not in url else {0, 1}
            segments = location["pathname"].removeprefix("/a/video/").split("/")
            assert location["pathname"].startswith("/a/video/")
            assert len(segments) - 1 in tenants
            assert all(segments)

    throw()
    assert min(outcomes["302 FOUND"], outcomes["400 BAD REQUEST"]) > 100


LEADING_AWAY = [
    "//evil.example",
    "///evil.example/x",
    "http://evil.example/x",
    "\\\\evil.example\\x",
    "/\\evil.example",
    "..",
    "%2e%2e",
    "%2E%2E/%2e%2e",
    ".%2e",
    "a?jwt=b",
    "a#jwt=b",
    "a\n//evil.example",
    "\t//evil.example",
    "javascript:alert(1)",
    "@evil.example",
    "a%0d%0aLocation:x",
    "．．",  # noqa: RUF001 - full-width dots
    "...",
    "\u2024\u2024",
]


def meetings() -> Flask:
    """Stand in for Jitsi: a page at every address."""
    app = Flask("meetings")
    app.url_map.merge_slashes = False
    app.add_url_rule("/", "root", lambda: "root")
    app.add_url_rule("/<path:anything>", "any", lambda anything: "meeting")
    return app


def visit(gateway: LocalGateway, open_page: OpenPage, portal: str, urls: list[str]) -> list[tuple[str, str]]:
    """Return where Chromium ends for each address, and what it shows there."""
    cookie = gateway.sign_in("dwho").get_cookie("issuer_session")
    assert cookie
    page = open_page(f"{portal}/login").page
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": portal}])
    found = []
    for url in urls:
        page.goto(f"{portal}{url}")
        found.append((page.url, page.inner_text("body")))
    return found


def test_redirect_safety_in_chromium(build_gateway: BuildGateway, open_page: OpenPage) -> None:
    """Redirect safety: a property test throws arbitrary text at `room`, `tenant` and `state`; the Location,
    parsed as a browser parses it (node's `new URL()`, and some cases in Chromium), always has the scheme,
    host and port of the configured server and exactly the expected number of path segments."""
    urls = [f"/jitsi/login?room={quote(room)}" for room in LEADING_AWAY]
    urls += [f"/jitsi/login/{quote(room, safe=safe)}" for room in LEADING_AWAY[:8] for safe in ("", "/%")]
    with serving(meetings()) as jitsi:
        data = instance(server_url=jitsi) | {"public_url": "http://127.0.0.1/"}
        gateway = build_gateway(data, users={"dwho": ()}, keys=())
        with serving(gateway.app) as portal:
            arrivals = visit(gateway, open_page, portal, urls)
    entered = 0
    for url, text in arrivals:
        if url.startswith(portal):
            assert text != "meeting"
            continue
        entered += 1
        assert url.startswith(f"{jitsi}/")
        assert text == "meeting"
        assert urlsplit(url).path.count("/") == 1
        assert urlsplit(url).query.startswith("jwt=ey")
    assert entered >= 6
    assert entered < len(arrivals)
