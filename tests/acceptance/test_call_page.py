"""The call page of the demo, in a real Chromium: tokens from the browser, and a call."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.test_browser import LOOKS, sign_in
from tests.browser import OpenPage
from tests.modules.livekit.signalling import Signalling
from tests.service import client, demo, free_port
from tests.upstream.stub import Reply, Stub

ANSWER = """async offer => {
    globalThis.peer = new RTCPeerConnection();
    await peer.setRemoteDescription({type: "offer", sdp: offer});
    await peer.setLocalDescription(await peer.createAnswer());
    while (peer.iceGatheringState !== "complete") {
        await new Promise(resolve => { peer.onicegatheringstatechange = resolve; });
    }
    return peer.localDescription.sdp;
}"""
ELSEWHERE = """async url => {
    const attempt = async options => {
        try {
            const answer = await fetch(url, {method: "POST", ...options});
            return [answer.type, await answer.text()];
        } catch { return ["failed", ""]; }
    };
    const body = JSON.stringify({roomId: "stage-1"});
    const headers = {"Content-Type": "application/json"};
    return [
        await attempt({body, headers, credentials: "include"}),
        await attempt({body, credentials: "include", mode: "no-cors"}),
        await attempt({body, headers}),
    ];
}"""


@dataclass(frozen=True)
class Demo:
    portal: str
    call: str
    sfu: Signalling

    @property
    def token_url(self) -> str:
        return f"{self.portal}/livekit/token"


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory, programs: None) -> Iterator[Demo]:
    sfu = Signalling("devkey", "secret")
    port = free_port()
    with demo(tmp_path_factory.mktemp("demo"), port, sfu.url) as (portal, _):
        yield Demo(portal, f"http://127.0.0.1:{port}", sfu)
    sfu.close()


def ask(page: Page, room: str = "stage-1") -> None:
    page.get_by_label("Name of the room").fill(room)
    page.get_by_role("button", name="Get a token").click()


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_a_page_gets_a_token_when_somebody_is_signed_in(
    calls: Demo, open_page: OpenPage, tmp_path: Path, width: int, dark: bool
) -> None:
    """In a real browser: signed in, the page gets a token; signed out, it is told to sign in; from another
    origin it gets nothing.
    """
    window = open_page(calls.call, width=width, dark=dark)
    page = window.page
    ask(page)
    expect(page.get_by_text("403: Sign in at the portal first, or send a bearer token.")).to_be_visible()
    expect(page.get_by_role("heading", name="What the token says")).to_be_hidden()
    page.screenshot(path=tmp_path / "signed-out.png", full_page=True)
    assert window.overflow == 0

    page.get_by_role("link", name="Sign in at the portal").click()
    sign_in(page, "dwho")
    expect(page.get_by_role("heading", name="Hello, Doctor Who")).to_be_visible()
    page.goto(calls.call)
    ask(page)
    expect(page.get_by_text("200: 20")).to_be_visible()
    claims = page.locator("#claims pre")
    expect(claims).to_contain_text('"room": "stage-1"')
    expect(claims).to_contain_text('"sceneId": "demo-scene"')
    expect(claims).to_contain_text('"sub": "user-')
    page.screenshot(path=tmp_path / "token.png", full_page=True)
    assert window.overflow == 0
    assert [text for text in window.problems if "403 (Forbidden)" not in text] == []
    assert window.accessibility_problems == []

    page.goto(calls.portal)
    expect(page.get_by_role("heading", name="stage-1")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.goto(calls.call)
    ask(page)
    expect(page.get_by_text("403: Sign in at the portal first")).to_be_visible()


def test_another_origin_gets_nothing(calls: Demo, open_page: OpenPage) -> None:
    """In a real browser: signed in, the page gets a token; signed out, it is told to sign in; from another
    origin it gets nothing.
    """
    page = open_page(calls.portal).page
    sign_in(page, "rtyler")
    expect(page.get_by_role("heading", name="Hello, Rose Tyler")).to_be_visible()
    stranger = Stub(lambda _: Reply(200, b"<!doctype html><title>x</title>", {"Content-Type": "text/html"}))
    for host in ("127.0.0.1", "localhost"):  # of the same site, so that the cookie is sent; and of another
        page.goto(f"http://{host}:{stranger.port}/")
        answers = page.evaluate(ELSEWHERE, calls.token_url)
        assert answers == [["failed", ""], ["opaque", ""], ["failed", ""]]
    stranger.close()
    page.goto(calls.portal)
    expect(page.get_by_text("Your recent calls")).to_be_hidden()


def test_the_page_may_talk_to_the_portal_and_the_sfu_alone(calls: Demo) -> None:
    answer = client().get(calls.call, timeout=30)
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src {calls.portal} {calls.sfu.url} {calls.sfu.url.replace('ws:', 'http:')}; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    for name in ("call.js", "livekit-client.umd.js", "livekit-client.licences.txt"):
        assert client().get(f"{calls.call}/own/{name}", timeout=30).status_code == 200


def test_the_rule_of_the_room_is_told(calls: Demo, open_page: OpenPage) -> None:
    page = open_page(calls.portal).page
    sign_in(page, "rtyler")
    expect(page.get_by_role("heading", name="Hello, Rose Tyler")).to_be_visible()
    page.goto(calls.call)
    ask(page, "tardis-1")
    expect(page.get_by_text("403: You are not allowed to enter this room.")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in at the portal")).to_be_hidden()
    ask(page, "not a room")
    expect(page.get_by_text("400: roomId does not match the pattern of rooms here.")).to_be_visible()


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")  # LiveKit's development key
def test_the_page_joins_and_leaves_a_call(calls: Demo, open_page: OpenPage) -> None:
    """With livekit-client and a stub of the SFU's signalling, whose media is another page of the browser."""
    window = open_page(calls.portal)
    page = window.page
    sign_in(page, "dwho")
    expect(page.get_by_role("heading", name="Hello, Doctor Who")).to_be_visible()
    page.goto(calls.call)
    ask(page)
    expect(page.locator("#state")).to_have_text("disconnected")
    page.get_by_role("button", name="Join").click()
    expect(page.locator("#state")).to_have_text("connecting")
    expect(page.get_by_role("button", name="Join")).to_be_hidden()
    offer = calls.sfu.offers.get(timeout=60)
    calls.sfu.answer(open_page("about:blank").page.evaluate(ANSWER, offer))
    expect(page.locator("#state")).to_have_text("connected", timeout=30_000)
    claims = calls.sfu.joined[-1]
    assert (claims.video.room, claims.name, claims.video.room_admin) == ("stage-1", "Doctor Who", True)
    assert window.problems == []
    page.get_by_role("button", name="Leave").click()
    expect(page.locator("#state")).to_have_text("disconnected")
    assert calls.sfu.left.wait(30)
    assert calls.sfu.faults == []


def test_without_a_livekit_server_the_page_says_so(
    demo_addresses: tuple[str, str], open_page: OpenPage, call_address: str
) -> None:
    page = open_page(demo_addresses[0]).page
    sign_in(page, "msmith")
    expect(page.get_by_role("heading", name="Hello, Mickey Smith")).to_be_visible()
    page.goto(call_address)
    ask(page)
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_text("There is no LiveKit server at ws://127.0.0.1:1 that")).to_be_visible()
    expect(page.locator("#state")).to_have_text("disconnected")
    expect(page.get_by_role("button", name="Join")).to_be_visible()
