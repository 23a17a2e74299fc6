"""From Jitsi to the sign-in and back, through the real routes."""

import json
from urllib.parse import quote, unquote, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.gateway import BuildGateway, LocalGateway
from tests.modules.jitsi.meetings import (
    HS256,
    RS256,
    SECRET,
    SERVER,
    claims_of,
    faults,
    fragment_of,
    instance,
    token_of,
)
from tests.node import Node

STATE = {"room": "My Röom", "config.a": "x&y=z/#?+ é", "tenant": "acme"}


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    return build_gateway(instance(), users={"dwho": ("users",)}, keys=())


@pytest.fixture
def client(gateway: LocalGateway) -> FlaskClient:
    return gateway.sign_in("dwho")


@pytest.mark.parametrize(
    "wanted",
    [
        "/jitsi/login?room=my%20room",
        "/jitsi/login?room=a+b",
        "/jitsi/login?room=%C3%BC&unknown=%2F%2f&empty=&flag",
        "/jitsi/login?room=%2541&other=a%26b%3Dc",
        "/jitsi/login?room=x&room=X&tenant=Acme",
        "/jitsi/login/My%20R%C3%B6om",
        "/jitsi/login/%25zz?x=1;y=2",
        "/jitsi/login/caf%C3%A9?" + urlencode({"state": json.dumps({"room": "café", "config.x": "é+ /&#"})}),
        "/jitsi/login?" + urlencode({"room": "My Röom", "state": json.dumps(STATE)}),
        "/jitsi/login?room=x&state=" + quote(json.dumps({"config.x": "y" * 1500})),
    ],
)
def test_sign_in_comes_back_to_the_very_same_url(gateway: LocalGateway, wanted: str) -> None:
    client = gateway.client()
    sent_away = client.get(wanted)
    assert sent_away.status_code == 303
    path, _, query = str(sent_away.location).partition("?next=")
    assert path == "/login"
    assert unquote(query) == wanted
    page = client.get(sent_away.location).text
    assert "Jitsi Meet" in page
    back = gateway.send_form(client, "dwho", unquote(query))
    assert (back.status_code, back.location) == (303, wanted)
    assert client.get(back.location).status_code == 302


def test_raw_characters_survive_in_effect(gateway: LocalGateway) -> None:
    """A client that encodes nothing gets the same meeting before and after the sign-in."""
    client = gateway.client()
    environ = {"QUERY_STRING": 'room=Ü&state={"room":"Ü","config.x":"a b"}'.encode().decode("latin-1")}
    sent_away = client.get("/jitsi/login", environ_overrides=environ)
    wanted = unquote(str(sent_away.location).partition("?next=")[2])
    back = gateway.send_form(client, "dwho", wanted)
    after = client.get(back.location)
    assert claims_of(after)["room"] == "%c3%bc"
    assert fragment_of(after.location) == {"config.x": '"a b"'}
    assert (
        urlsplit(client.get("/jitsi/login", environ_overrides=environ).location).path
        == urlsplit(after.location).path
    )


def test_a_session_needs_no_interaction(client: FlaskClient) -> None:
    answer = client.get("/jitsi/login?room=My+Room")
    assert answer.status_code == 302
    assert answer.location == f"{SERVER}/My%20Room?jwt={token_of(answer)}"
    assert answer.data == b""
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("wanted", ["/jitsi/login/my%20room", "/jitsi/login/?room=my+room"])
def test_other_ways_to_write_the_address(client: FlaskClient, wanted: str) -> None:
    assert claims_of(client.get(wanted))["room"] == "my%20room"


def test_the_start_form_drops_what_jitsi_drops(gateway: LocalGateway, client: FlaskClient) -> None:
    assert 'action="/jitsi/start"' in client.get("/").text
    answer = client.get("/jitsi/start", query_string={"room": " What's *up*? "})
    assert (answer.status_code, answer.location) == (303, "/jitsi/login?room=Whats%20up")
    assert claims_of(client.get(answer.location))["room"] == "whats%20up"
    assert gateway.client().get(answer.location).status_code == 303
    assert client.get("/jitsi/start?room=*").status_code == 400


def test_token_in_the_fragment(build_gateway: BuildGateway, node: Node) -> None:
    gateway = build_gateway(instance(token_in="fragment"), users={"dwho": ()}, keys=())
    state = json.dumps({"config.startWithAudioMuted": True})
    answer = gateway.sign_in("dwho").get("/jitsi/login", query_string={"room": "x", "state": state})
    parts = urlsplit(str(answer.location))
    assert parts.query == ""
    assert fragment_of(answer.location)["jwt"] == f'"{token_of(answer)}"'
    read = node.jitsi_fragment(f"#{parts.fragment}")
    assert read == {"jwt": token_of(answer), "config.startWithAudioMuted": True}
    assert faults(gateway, token_of(answer), "x") == []


def test_overrides_come_back_in_the_fragment(client: FlaskClient, node: Node) -> None:
    overrides = {
        "config.prejoinConfig.enabled": False,
        "config.subject": 'Q&A "now" #1 é',
        "interfaceConfig.SHOW": ["a", 1, None],
        "iceServers.replace": [{"urls": "turn:x"}],
    }
    state = json.dumps({"room": "x", "roomSafe": "evil", "refreshToken": "zzz", **overrides})
    answer = client.get("/jitsi/login", query_string={"state": state})
    parts = urlsplit(str(answer.location))
    assert parts.path == "/x"
    assert parts.query == f"jwt={token_of(answer)}"
    assert node.jitsi_fragment(f"#{parts.fragment}") == overrides


def test_tenant_is_the_subject_and_a_segment(gateway: LocalGateway, client: FlaskClient) -> None:
    for query in ({"room": "x", "tenant": "Acme"}, {"state": json.dumps({"room": "x", "tenant": "ACME"})}):
        answer = client.get("/jitsi/login", query_string=query)
        assert urlsplit(str(answer.location)).path == "/acme/x"
        assert claims_of(answer)["sub"] == "acme"
        row = gateway.parts.store.issuances.by_token_id(claims_of(answer)["jti"])
        assert row
        assert row.tenant == "acme"


@pytest.mark.parametrize("state", [{"room": "y"}, {"room": "x", "tenant": "b"}])
def test_places_that_disagree_are_refused(client: FlaskClient, state: dict[str, str]) -> None:
    query = {"room": "x", "tenant": "a", "state": json.dumps(state)}
    answer = client.get("/jitsi/login", query_string=query)
    assert answer.status_code == 400
    assert "two different rooms" in answer.text


def test_instances_have_servers_secrets_and_rules_of_their_own(build_gateway: BuildGateway) -> None:
    school = {
        **HS256,
        "type": "jitsi",
        "path": "/school/meet",
        "server_url": "https://school.example.org:8443/video",
        "app_id": "school",
        "app_secret": SECRET[::-1],
        "rule": 'inGroup("pupils")',
    }
    board = {**RS256, "type": "jitsi", "server_url": "https://board.example.com", "domain": "meet.jitsi"}
    modules = {"jitsi": HS256, "school": school, "board": board}
    gateway = build_gateway({"modules": modules}, users={"dwho": (), "pupil": ("pupils",)})
    outsider, pupil = gateway.sign_in("dwho"), gateway.sign_in("pupil")

    answer = pupil.get("/school/meet/login?room=x")
    assert answer.location.startswith("https://school.example.org:8443/video/x?jwt=")
    assert faults(gateway, token_of(answer), "x", "school") == []
    assert len(faults(gateway, token_of(answer), "x", "jitsi")) == 2  # audience and signature
    assert outsider.get("/school/meet/login?room=x").status_code == 403

    assert faults(gateway, token_of(outsider.get("/jitsi/login?room=x")), "x", "jitsi") == []
    answer = outsider.get("/board/login?room=x")
    assert claims_of(answer)["sub"] == "meet.jitsi"
    assert faults(gateway, token_of(answer), "x", "board") == []

    policy = pupil.get("/").headers["Content-Security-Policy"]
    for origin in (SERVER, "https://school.example.org:8443", "https://board.example.com"):
        assert origin in policy
    assert pupil.get("/").text.count("/start") == 3
    assert outsider.get("/").text.count("/start") == 2


def test_a_disabled_instance_has_no_routes(build_gateway: BuildGateway) -> None:
    gateway = build_gateway(instance(enabled=False), users={"dwho": ()}, keys=())
    assert gateway.sign_in("dwho").get("/jitsi/login?room=x").status_code == 404
