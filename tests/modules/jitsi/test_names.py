"""The table of names, through every route by which Jitsi can name a room."""

# ruff: noqa: RUF001 - look-alikes are what these names are about

import json
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.gateway import BuildGateway, LocalGateway
from tests.modules.jitsi.meetings import claims_of, faults, instance, token_of
from tests.modules.jitsi.names import ACCEPTED, REFUSED, in_address_bar
from tests.node import Node


def routes(name: str) -> dict[str, str]:
    """Return every address that asks for a room, as a browser sends it."""
    encoded = quote(name, safe="", errors="surrogatepass")
    state = quote(json.dumps({"room": in_address_bar(name)}), safe="")
    return {
        "query": f"/jitsi/login?room={encoded}",
        "path": f"/jitsi/login/{encoded}",
        "state": f"/jitsi/login?state={state}",
        "query and path": f"/jitsi/login/{encoded}?room={encoded}",
        "all": f"/jitsi/login/{encoded}?room={encoded}&state={state}",
    }


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    return build_gateway(instance(), users={"dwho": ()}, keys=())


@pytest.fixture
def client(gateway: LocalGateway) -> FlaskClient:
    return gateway.sign_in("dwho")


def wrong_with(answer: TestResponse, gateway: LocalGateway, node: Node, claim: str) -> list[str]:
    """Return what does not hold of an answer to a name that can be one."""
    if answer.status_code != 302:
        return [str(answer.status_code)]
    parsed = node.url_parse(str(answer.location))
    assert parsed
    claims = claims_of(answer)
    row = gateway.parts.store.issuances.by_token_id(claims["jti"])
    assert row
    seen = {
        "claim": claims["room"],
        "client": node.jitsi_room_of_path(parsed["pathname"]),
        "row": quote(row.room or "", safe="").lower(),
    }
    wrong = [f"{what} {value}" for what, value in seen.items() if value != claim]
    return wrong + faults(gateway, token_of(answer), claim)


def test_accepted_names(gateway: LocalGateway, client: FlaskClient, node: Node) -> None:
    """Names: for a table of at least 60 room names (spaces, upper case, umlauts, emoji, `%20`, `%2F`, dots,
    NFKC-changing characters, every character that the client drops) the `room` claim is what Jitsi's client
    makes of the path we redirect to; rules see the same form (`Board-1` does not slip past
    `room.startsWith("board-")`); the forbidden ones are refused by every route (`room=`, path, `state`)."""
    assert len(ACCEPTED) >= 60
    wrong = {
        (name[:20], route): found
        for name, claim in ACCEPTED.items()
        for route, url in routes(name).items()
        if (found := wrong_with(client.get(url), gateway, node, claim))
    }
    assert wrong == {}


def test_forbidden_names(gateway: LocalGateway, client: FlaskClient) -> None:
    """Names: for a table of at least 60 room names (spaces, upper case, umlauts, emoji, `%20`, `%2F`, dots,
    NFKC-changing characters, every character that the client drops) the `room` claim is what Jitsi's client
    makes of the path we redirect to; rules see the same form (`Board-1` does not slip past
    `room.startsWith("board-")`); the forbidden ones are refused by every route (`room=`, path, `state`)."""
    answers = {
        (name[:20], route): client.get(url).status_code
        for name in REFUSED
        for route, url in routes(name).items()
    }
    assert {key: status for key, status in answers.items() if status != 400} == {}
    assert gateway.parts.store.issuances.search() == []


SPELLINGS = ["Board-1", "BOARD-1", "board-1", "Ｂｏａｒｄ-1", "ｂoard-1", "𝕭oard-1", "Board-①", "board－1"]


@pytest.mark.parametrize(
    "options",
    [
        {"rule": '!room.startsWith("board-") || inGroup("board")'},
        {"rooms": [{"match": "Board-*", "rule": 'inGroup("board")'}]},
        {"rule": 'room == "my röom" || room == "boardroom" || room == "%42oard-1" || inGroup("board")'},
        {"rooms": [{"match": "board-?", "rule": 'inGroup("board")'}, {"match": "*", "rule": "accept"}]},
    ],
)
def test_rules_see_the_same_form(build_gateway: BuildGateway, options: dict[str, object]) -> None:
    """Names: for a table of at least 60 room names (spaces, upper case, umlauts, emoji, `%20`, `%2F`, dots,
    NFKC-changing characters, every character that the client drops) the `room` claim is what Jitsi's client
    makes of the path we redirect to; rules see the same form (`Board-1` does not slip past
    `room.startsWith("board-")`); the forbidden ones are refused by every route (`room=`, path, `state`)."""
    gateway = build_gateway(instance(**options), users={"dwho": (), "chair": ("board",)}, keys=())
    outsider, chair = gateway.sign_in("dwho"), gateway.sign_in("chair")
    for name in SPELLINGS:
        for route, url in routes(name).items():
            assert outsider.get(url).status_code == 403, (name, route)
    assert claims_of(chair.get(routes("Ｂｏａｒｄ-1")["path"]))["room"] == "board-1"
    for name, claim in {"boardroom": "boardroom", "My R\u004f\u0308om": "my%20r%c3%b6om"}.items():
        for route, url in routes(name).items():
            assert claims_of(outsider.get(url))["room"] == claim, (name, route)
    assert outsider.get("/jitsi/login?room=%42oard-1").status_code == 403
    assert claims_of(outsider.get("/jitsi/login?room=%2542oard-1"))["room"] == "%2542oard-1"


def test_the_first_room_rule_that_matches_decides(build_gateway: BuildGateway) -> None:
    rooms = [
        {"match": "open-*", "rule": "accept"},
        {"match": "*-staff", "rule": 'inGroup("staff")'},
        {"match": "my room", "rule": "deny"},
    ]
    gateway = build_gateway(instance(rule="deny", rooms=rooms), users={"dwho": (), "s": ("staff",)}, keys=())
    dwho, staff = gateway.sign_in("dwho"), gateway.sign_in("s")
    assert dwho.get("/jitsi/login?room=Open-staff").status_code == 302
    assert dwho.get("/jitsi/login?room=x-staff").status_code == 403
    assert staff.get("/jitsi/login?room=x-staff").status_code == 302
    assert staff.get("/jitsi/login?room=My+Room").status_code == 403
    assert staff.get("/jitsi/login?room=else").status_code == 403
