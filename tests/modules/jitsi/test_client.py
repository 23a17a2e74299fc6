"""Jitsi's own client makes the addresses that reach us, and reads those that we answer with."""

# ruff: noqa: RUF001, RUF002 - look-alikes are what these names are about

import json
import logging
import time
from urllib.parse import quote, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.gateway import BuildGateway, LocalGateway
from tests.modules.jitsi.meetings import SERVER, claims_of, faults, instance, token_of
from tests.node import Node

BASE = "https://auth.example.com/jitsi/login"
FORMS = {
    "room": f"{BASE}?room={{room}}",
    "room and state": f"{BASE}?room={{room}}&state={{state}}",
    "path and state": f"{BASE}/{{room}}?state={{state}}",
    "state": f"{BASE}?state={{state}}",
}
SETTINGS = (
    "#config.startWithAudioMuted=true&config.subject=%22Q%26A%22&interfaceConfig.SHOW=%5B%22a%22%2C1%5D"
)
ROOMS = [
    "Standup",
    "STANDUP",
    "board-1",
    "v1.2",
    "...",
    ".hidden",
    "a..b",
    "under_score~",
    "Board%20Meeting",
    "Board Meeting",
    "two%20%20spaces",
    "caf%C3%A9",
    "café",
    "cafe%CC%81",
    "%C3%9Cbung%20f%C3%BCr%20%C3%96l",
    "Übung",
    "STRA%E1%BA%9EE",
    "%C4%B0stanbul",
    "%CE%A3%CE%9F%CE%A6%CE%9F%CE%A3",
    "Москва",
    "%E4%BC%9A%E8%AE%AE",
    "会议",
    "ロビー",
    "%EF%BE%9B%EF%BE%8B%EF%BE%9E%EF%BD%B0",
    "한글",
    "שלום",
    "🎉",
    "Party%20%F0%9F%8E%89",
    "👩\u200d🚀",
    "100%25",
    "100%",
    "50%off",
    "%2541",
    "%2525",
    "%252F",
    "a%252Fb",
    "a+b",
    "a+%20+b",
    "a:b@c",
    "What's up",
    "(draft) [1]",
    "Ｂｏａｒｄ",
    "x%C2%B2",
    "a%5Cb",
    "a%7Cb",
    "%7Bx%7D",
    "Acme/Standup",
    "acme/Board%20Meeting",
    "a/b/Room",
    "A-1/b_2/c/100%25",
    f"Standup{SETTINGS}",
    f"acme/Board%20Meeting{SETTINGS}",
    f"a/b/caf%C3%A9{SETTINGS}",
    "room#config.prejoinConfig.enabled=false&iceServers.replace=%5B%7B%22urls%22%3A%22turn%3Ax%22%7D%5D",
]
"""What may stand in the address bar after the server's name."""


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    return build_gateway(instance(), users={"dwho": ()}, keys=())


def wrong_with(
    gateway: LocalGateway, node: Node, client: FlaskClient, room: str, form: str
) -> dict[str, object]:
    """Return what Jitsi's client, sent away from a room and back, does not find as it was."""
    href = node.url_parse(f"{SERVER}/{room}")
    assert href
    before = node.jitsi_read(href["href"])
    asked = node.url_parse(node.jitsi_sign_in(FORMS[form], href["href"]))
    assert asked
    answer = client.get(asked["pathname"] + asked["search"])
    if answer.status_code != 302:
        return {"status": answer.status_code}
    after = node.jitsi_read(str(answer.location))
    claims = claims_of(answer)
    wanted = {"claim": before["safe"], "safe": before["safe"], "jwt": token_of(answer)}
    if form != "room":
        # The server knows no capitals in tenants (docker-jitsi-meet, web/…/system-config.js, `subdomain`).
        wanted |= {"tenant": before["tenant"].lower(), "settings": before["settings"]}
        wanted["sub"] = before["tenant"].lower() or "*"
    found = {**after, "claim": claims["room"], "sub": claims["sub"]}
    wrong: dict[str, object] = {
        name: (found[name], value) for name, value in wanted.items() if found[name] != value
    }
    if against := faults(gateway, token_of(answer), before["safe"]):
        wrong["prosody"] = against
    return wrong


@pytest.mark.parametrize("token_in", ["query", "fragment"])
def test_the_client_comes_back_to_the_meeting_that_it_asked_for(
    build_gateway: BuildGateway, node: Node, token_in: str
) -> None:
    """For at least 40 address-bar rooms (spaces, capitals, umlauts, CJK, emoji, `%25`, `%2F`, `+`, dots,
    tenants, nested tenants, overrides) × the forms `room`, `room+state`, path+state, state alone, fragment:
    Jitsi's own code, given our answer, is in the conference, tenant and settings that it asked for, and the
    claim is what its `getBackendSafeRoomName` gives. Run on the real code.
    """
    assert len(ROOMS) >= 40
    gateway = build_gateway(instance(token_in=token_in), users={"dwho": ()}, keys=())
    client = gateway.sign_in("dwho")
    found = {
        (room, form): wrong
        for room in ROOMS
        for form in FORMS
        if (wrong := wrong_with(gateway, node, client, room, form))
    }
    assert found == {}


@pytest.mark.parametrize(
    "room", ["a%2Fb", "%2F%2Fevil.example", "%2E%2E%2Fx", "a%3Fb", "%2A", "a%23b", "it%27s"]
)
def test_what_a_path_cannot_hold_is_refused_in_every_form(
    gateway: LocalGateway, node: Node, room: str
) -> None:
    """Encoded, Jitsi's client lets through what it drops otherwise; its web server would take some of it for
    a tenant (docker-jitsi-meet, web/…/meet.conf: a location is matched decoded)."""
    client = gateway.sign_in("dwho")
    for form in FORMS.values():
        asked = urlsplit(node.jitsi_sign_in(form, f"{SERVER}/{room}"))
        answer = client.get(f"{asked.path}?{asked.query}")
        assert answer.status_code == 400
        assert "letters, digits and hyphens" in answer.text


def test_the_settings_of_the_moment_come_back(gateway: LocalGateway, node: Node) -> None:
    options = {"audioMuted": True, "videoMuted": True, "skipPrejoin": True, "lowBandwidthModeEnabled": True}
    asked = urlsplit(node.jitsi_sign_in(FORMS["room and state"], f"{SERVER}/Standup", options=options))
    answer = gateway.sign_in("dwho").get(f"{asked.path}?{asked.query}")
    assert node.jitsi_read(str(answer.location))["settings"] == {
        "config.startWithAudioMuted": True,
        "config.startWithVideoMuted": True,
        "config.startLowBandwidthMode": True,
        "config.prejoinConfig.enabled": False,
    }


def test_without_state_the_tenant_and_the_settings_are_lost(gateway: LocalGateway, node: Node) -> None:
    """The seed's short form named as what old clients need, with what it loses."""
    asked = urlsplit(node.jitsi_sign_in(FORMS["room"], f"{SERVER}/acme/Standup{SETTINGS}"))
    answer = gateway.sign_in("dwho").get(f"{asked.path}?{asked.query}")
    after = node.jitsi_read(str(answer.location))
    assert (after["tenant"], after["room"], after["settings"]) == ("", "Standup", {})


def test_the_desktop_app_is_told_by_the_state(gateway: LocalGateway, node: Node) -> None:
    asked = urlsplit(node.jitsi_sign_in(FORMS["room and state"], f"{SERVER}/Standup", app="electron"))
    answer = gateway.sign_in("dwho").get(f"{asked.path}?{asked.query}")
    assert "jitsi-meet://meet.example.com/Standup?jwt=" in answer.text


def test_old_clients_that_fill_in_nothing(gateway: LocalGateway) -> None:
    """A literal `{state}` is absent, a literal `{room}` is a missing room."""
    client = gateway.sign_in("dwho")
    answer = client.get("/jitsi/login?room=Standup&state={state}")
    assert claims_of(answer)["room"] == "standup"
    for address in ("?room={room}", "?room={room}&state={state}", "/{room}?state={state}", "?state={state}"):
        answer = client.get(f"/jitsi/login{address}")
        assert answer.status_code == 400
        assert "No room was named" in answer.text


@pytest.mark.parametrize("key", ["refreshToken", "\\u0072efreshToken"])
def test_a_refresh_token_goes_nowhere(
    gateway: LocalGateway, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    """`refreshToken` in it is a secret: in no log, in no redirect."""
    caplog.set_level(logging.DEBUG)
    state = f'{{"{key}": "r3fr3sh", "room": "Board%20Meeting", "config.x": "é+&"}}'
    asked = f"/jitsi/login?other=a%20b&{urlencode({'state': state})}"
    stranger, person = gateway.client(), gateway.sign_in("dwho")
    answer = stranger.get(asked)
    kept = quote(json.dumps({"room": "Board%20Meeting", "config.x": "é+&"}), safe="")
    clean = str(answer.location)
    assert (answer.status_code, clean) == (303, f"/jitsi/login?other=a%20b&state={kept}")
    away, meeting = stranger.get(clean), person.get(asked)
    assert away.status_code == 303
    assert claims_of(meeting)["room"] == "board%20meeting"
    assert "r3fr3sh" not in f"{clean}{away.location}{away.text}{meeting.location}{caplog.text}"
    data = gateway.parts.settings.data_dir
    assert not any(b"r3fr3sh" in file.read_bytes() for file in data.glob("issuer.db*"))


@pytest.mark.parametrize("token_in", ["query", "fragment"])
def test_loaded_again_after_exp_the_client_asks_for_a_new_token_by_itself(
    build_gateway: BuildGateway, node: Node, token_in: str
) -> None:
    """What a person sees when they reload after `exp` is tried with the client's code and described."""
    now = time.time()
    for age, asks in ((60.0, False), (4 * 3600 + 1.0, True)):
        gateway = build_gateway(instance(token_in=token_in, expiration="4h"), users={"dwho": ()}, keys=())
        gateway.clock.time = now - age
        client = gateway.sign_in("dwho")
        state = json.dumps({"room": "Standup", "tenant": "acme", "config.subject": "Q&A"})
        meeting = str(client.get("/jitsi/login", query_string={"state": state}).location)
        assert node.jitsi_asks_again(FORMS["state"], meeting) is asks
        assert node.jitsi_asks_again("", meeting) is False
        again = urlsplit(node.jitsi_sign_in(FORMS["state"], meeting))
        after = node.jitsi_read(str(client.get(f"{again.path}?{again.query}").location))
        assert (after["tenant"], after["room"]) == ("acme", "Standup")
        assert after["settings"] == {"config.subject": "Q&A"}
