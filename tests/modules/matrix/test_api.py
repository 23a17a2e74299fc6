"""The verification API as its callers see it: paths, the API token, bodies, answers."""

import hmac
import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modules.matrix import module as matrix_module
from tests.json_values import JSON, TEXT
from tests.modules.matrix.calls import API_TOKEN, NOBODY, NOBODY_IN_ROOM, Caller, answered
from tests.modules.matrix.conftest import BuildStubbed
from tests.modules.matrix.stub import ROOM, Home
from tests.upstream.stub import Reply

USER, IN_ROOM = "/matrix/verify/user", "/matrix/verify/user_in_room"


@pytest.fixture
def caller(build_stubbed: BuildStubbed) -> Caller:
    return build_stubbed()


def body(stubbed: Home, **changes: Any) -> dict[str, Any]:
    """Return a good body; a change to None takes a field away."""
    good = {"matrix_server_name": stubbed.name, "room_id": ROOM, "token": "alice-token"}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def test_the_answers_byte_for_byte(caller: Caller, stubbed: Home) -> None:
    """The answers byte for byte as in the contract (key sets and types), so that existing Prosody modules
    work; exactly one answer per request in every branch.
    """
    stubbed.levels = {"users": {stubbed.alice: 50}, "state_default": 50, "events": {"m.room.name": 50}}
    nobody = body(stubbed, token="invented")
    elsewhere = body(stubbed, room_id="!other:example.org")
    results = '"results": {"room_membership": %s, "user": %s}, "user_id": %s'
    alice = f'"{stubbed.alice}"'
    levels = '{"room": {"state_default": 50, "events": {"m.room.name": 50}}, "user": 50}'
    in_room = f'{{{results % ("true", "true", alice)}, "power_levels": {levels}}}'
    not_in_room = f'{{{results % ("false", "true", alice)}, "power_levels": null}}'
    nobody_in_room = f'{{{results % ("false", "false", "null")}, "power_levels": null}}'
    expected = [
        (USER, body(stubbed), f'{{"results": {{"user": true}}, "user_id": {alice}}}'),
        (USER, nobody, '{"results": {"user": false}, "user_id": null}'),
        (IN_ROOM, body(stubbed), in_room),
        (IN_ROOM, elsewhere, not_in_room),
        (IN_ROOM, nobody, nobody_in_room),
    ]
    for path, sent, text in expected:
        answer = caller.post(path, sent)
        assert (answer.status_code, answer.content_type, answer.text) == (200, "application/json", text)
    answer = caller.post(IN_ROOM, body(stubbed), token="wrong")
    assert (answer.status_code, answer.content_type, answer.text) == (403, "application/json", "{}")


def test_levels_that_cannot_be_read(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    """The answers byte for byte as in the contract (key sets and types), so that existing Prosody modules
    work; exactly one answer per request in every branch.
    """
    caller = build_stubbed()
    for reply in (Reply(500), Reply(200, b"no JSON"), Reply(200, b"[]"), Reply(200, b'{"state": 5}')):
        stubbed.broken["state"] = reply
        answer = answered(caller.post(IN_ROOM, body(stubbed)))
        assert answer["results"] == {"room_membership": True, "user": True}
        assert answer["power_levels"] == {"room": {}, "user": 0}
    del stubbed.broken["state"]
    assert answered(caller.post(IN_ROOM, body(stubbed)))["power_levels"] == {"room": {}, "user": 100}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(404, b"a page of a proxy"),
        Reply(302, headers={"Location": "/"}),
        Reply(200, b"\xff"),
        Reply(200, b"[1]"),
        Reply(200, b'{"members": {"@alice": 1}}'),
        Reply(200, b'{"members": [null, 5, {}]}'),
    ],
    ids=lambda reply: f"{reply.status}-{reply.body[:12]}",
)
def test_members_that_cannot_be_read(caller: Caller, stubbed: Home, reply: Reply) -> None:
    """The answers byte for byte as in the contract (key sets and types), so that existing Prosody modules
    work; exactly one answer per request in every branch.
    """
    stubbed.broken["members"] = reply
    answer = answered(caller.post(IN_ROOM, body(stubbed)))
    assert answer == {
        "results": {"room_membership": False, "user": True},
        "user_id": stubbed.alice,
        "power_levels": None,
    }


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({"token": None}, "token is missing"),
        ({"token": ""}, "token is missing"),
        ({"token": 5}, "token must be a text"),
        ({"room_id": None}, "room_id is missing"),
        ({"room_id": ["!x:y"]}, "room_id must be a text"),
        ({"matrix_server_name": None}, "matrix_server_name is missing"),
        ({"matrix_server_name": {}}, "matrix_server_name must be a text"),
        ({"token": "\ud800"}, "token is not Unicode text"),
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b'{"token": "a", "token": "b"}', "the body is not JSON"),
        (b'{"token": NaN}', "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (b"[" * 30_000, "the body is not JSON"),
        (b"[]", "the body is not a JSON object"),
        (b'"token"', "the body is not a JSON object"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bodies_that_cannot_be(caller: Caller, stubbed: Home, sent: Any, named: str) -> None:
    answer = caller.post(IN_ROOM, sent if isinstance(sent, bytes) else body(stubbed, **sent))
    assert (answer.status_code, answer.content_type, answer.text) == (400, "text/plain", f"{named}\n")
    assert stubbed.server.seen == []


def test_a_single_server_need_not_be_named(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    caller = build_stubbed(server_names=[stubbed.name])
    for left_out in (body(stubbed, matrix_server_name=None), body(stubbed) | {"matrix_server_name": None}):
        assert answered(caller.post(USER, left_out))["user_id"] == stubbed.alice
    before = len(stubbed.server.seen)
    for other in ("example.org", "localhost", f"{stubbed.name}:1", "*"):
        assert answered(caller.post(USER, body(stubbed, matrix_server_name=other))) == NOBODY
        assert answered(caller.post(IN_ROOM, body(stubbed, matrix_server_name=other))) == NOBODY_IN_ROOM
    assert len(stubbed.server.seen) == before, "another server is refused without a request"
    several = build_stubbed(server_names=[stubbed.name, "example.org"])
    assert several.post(USER, body(stubbed, matrix_server_name=None)).status_code == 400


def test_users_of_another_server(caller: Caller, stubbed: Home) -> None:
    for sub in ("@alice:example.org", f"@alice:x{stubbed.name}", "alice", f"@alice:{stubbed.name}:1"):
        stubbed.tokens["stolen"] = sub
        assert answered(caller.post(USER, body(stubbed, token="stolen"))) == NOBODY


@pytest.mark.parametrize("rule", ["deny", 'localpart == "bob"', "int(localpart) == 1"])
def test_a_rule_that_says_no(build_stubbed: BuildStubbed, stubbed: Home, rule: str) -> None:
    caller = build_stubbed(rule=rule)
    assert answered(caller.post(USER, body(stubbed))) == NOBODY
    assert answered(caller.post(IN_ROOM, body(stubbed))) == NOBODY_IN_ROOM
    assert stubbed.asked("members") == 0


def test_a_rule_that_says_yes(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    rule = (
        f'user_id == "@alice:{stubbed.name}" && localpart == "alice" && server_name.startsWith("localhost:")'
        ' && (room_id == "" || room_id == "!room:example.org") && ip == "127.0.0.1" && backend == "matrix"'
    )
    caller = build_stubbed(rule=rule)
    assert answered(caller.post(USER, body(stubbed)))["user_id"] == stubbed.alice
    assert answered(caller.post(IN_ROOM, body(stubbed)))["user_id"] == stubbed.alice


WRONG = [None, "", "x", API_TOKEN[:-1], API_TOKEN + "x", API_TOKEN.lower(), f"{API_TOKEN} x", "é", "€" * 9]


@pytest.mark.parametrize("token", WRONG)
@pytest.mark.parametrize("path", [USER, IN_ROOM])
def test_a_wrong_api_token(caller: Caller, stubbed: Home, path: str, token: str | None) -> None:
    for sent in (body(stubbed), b"no JSON"):
        answer = caller.post(path, sent, token.encode().decode("latin-1") if token else token)
        assert (answer.status_code, answer.text) == (403, "{}")
    assert stubbed.server.seen == []


def test_the_api_token_is_compared_in_constant_time(
    caller: Caller, stubbed: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Constant-time comparison of the API token; strangers' bodies by Hypothesis; the OpenID token in no
    log.
    """
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, right: bytes) -> bool:
        compared.append((given, right))
        return hmac.compare_digest(given, right)

    class Hmac:
        compare_digest = staticmethod(compare)

    monkeypatch.setattr(matrix_module, "hmac", Hmac)
    for token in (*WRONG, API_TOKEN):
        shown = token.encode().decode("latin-1") if token else token
        status = caller.post(USER, body(stubbed), shown).status_code
        assert status == (200 if token == API_TOKEN else 403)
    assert [given for given, _ in compared] == [(token or "").encode() for token in (*WRONG, API_TOKEN)]
    assert {right for _, right in compared} == {API_TOKEN.encode()}, "nothing else decides"


def test_other_schemes(caller: Caller, stubbed: Home) -> None:
    client = caller.gateway.client()
    for header, status in (
        (f"Basic {API_TOKEN}", 403),
        (API_TOKEN, 403),
        (f"bearer {API_TOKEN}", 200),
        (f"Bearer  {API_TOKEN}", 200),
    ):
        answer = client.post(USER, json=body(stubbed), headers={"Authorization": header})
        assert answer.status_code == status, header


def test_a_token_that_seems_to_end_in_white_space(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    token = f"{API_TOKEN}\u00e0"
    header = f"Bearer {token}".encode().decode("latin-1")
    client = build_stubbed(api_token=token).gateway.client()
    assert client.post(USER, json=body(stubbed), headers={"Authorization": header}).status_code == 200


def test_without_an_api_token(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    caller = build_stubbed(api_token=None)
    assert answered(caller.post(USER, body(stubbed), token=None))["user_id"] == stubbed.alice
    (module,) = caller.gateway.parts.modules.values()
    assert any("api_token is not set" in warning for warning in module.warnings())


def test_paths_and_methods(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    client = build_stubbed().gateway.client()
    assert client.get("/matrix/health").status_code == 200
    for path in ("/verify/user", "/verify/user_in_room", "/health", "/.well-known/element/jitsi"):
        assert client.open(path, method="GET").status_code == 404
    for method in ("GET", "PUT", "OPTIONS", "DELETE"):
        answer = client.open(USER, method=method)
        assert (answer.status_code, answer.content_type) == (405, "text/plain")
    assert client.post("/matrix/verify/x").status_code == 404
    assert client.post(USER, data=b" " * 65_537).status_code in {403, 413}


def test_at_root(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    caller = build_stubbed(at_root=True)
    assert answered(caller.post("/verify/user", body(stubbed)))["user_id"] == stubbed.alice
    assert answered(caller.post("/verify/user_in_room", body(stubbed)))["user_id"] == stubbed.alice
    assert caller.post("/verify/user", b"").text == "the body is not JSON\n"
    assert caller.gateway.client().get("/health").status_code == 200


def test_what_element_asks(build_stubbed: BuildStubbed) -> None:
    answer = build_stubbed(element_well_known=True).gateway.client().get("/.well-known/element/jitsi")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.text == '{"auth": "openidtoken-jwt"}'
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


FIELDS = ("matrix_server_name", "token", "room_id")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), path=st.sampled_from([USER, IN_ROOM]))
def test_strangers_bodies(caller: Caller, stubbed: Home, data: st.DataObject, path: str) -> None:
    """Constant-time comparison of the API token; strangers' bodies by Hypothesis; the OpenID token in no
    log.
    """
    kind = data.draw(st.sampled_from(["bytes", "json", "field", "text"]))
    if kind == "bytes":
        answer = caller.post(path, data.draw(st.binary(max_size=200)))
    elif kind == "json":
        answer = caller.post(path, data.draw(JSON))
    else:
        value = data.draw(JSON if kind == "field" else TEXT)
        answer = caller.post(path, body(stubbed) | {data.draw(st.sampled_from(FIELDS)): value})
    assert answer.status_code in {200, 400}, answer.text
    if answer.status_code == 200:
        found = json.loads(answer.data)
        assert found["results"]["user"] == (found["user_id"] is not None)
    else:
        assert answer.text.isascii()


def test_no_token_is_in_a_log(
    build_stubbed: BuildStubbed, stubbed: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """Constant-time comparison of the API token; strangers' bodies by Hypothesis; the OpenID token in no
    log.
    """
    openid = "OpEnIdMaRkEr"
    with caplog.at_level(logging.DEBUG):
        caller = build_stubbed()
        stubbed.tokens[openid] = stubbed.alice
        texts = [caller.post(path, body(stubbed, token=openid)).text for path in (USER, IN_ROOM)]
        stubbed.tokens[openid] = "@mallory:example.org"
        stubbed.broken["members"] = Reply(500)
        for changes in ({}, {"matrix_server_name": "localhost:1"}, {"room_id": 5}, {"token": [openid]}):
            texts += [caller.post(IN_ROOM, body(stubbed, token=openid) | changes).text]
        texts += [caller.post(IN_ROOM, body(stubbed), token=openid).text]
    assert "user_verified" in caplog.text
    assert "user_not_verified" in caplog.text
    for secret in (openid, API_TOKEN, "alice-token", "syt_admin_token"):
        assert secret not in caplog.text + "".join(texts)
