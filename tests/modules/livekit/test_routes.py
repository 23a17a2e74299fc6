"""Paths, methods, CORS, and that every error is one of Matrix."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.modules.livekit.calls import Call, errcode
from tests.modules.livekit.conftest import BuildCall

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Accept, Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token",
    "Content-Type": "application/json",
}
PATHS = ["/get_token", "/sfu/get", "/delegate_delayed_leave"]


@pytest.mark.parametrize("below", ["", "/livekit/jwt"])
@pytest.mark.parametrize("path", PATHS)
def test_options(build_call: BuildCall, path: str, below: str) -> None:
    call = build_call(at_root=True)
    answer = call.gateway.client().options(below + path, data=b"{}", headers={"Origin": "https://x.example"})
    assert answer.status_code == 200
    assert {name: answer.headers[name] for name in CORS} == CORS
    assert answer.data == b""
    assert (call.homeserver.requests, call.sfu.server.connections) == (0, 0)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "SPACESHIP"])
@pytest.mark.parametrize("path", PATHS)
def test_other_methods(build_call: BuildCall, path: str, method: str) -> None:
    client = build_call(at_root=True).gateway.client()
    for below in ("", "/livekit/jwt"):
        answer = client.open(below + path, method=method)
        assert answer.status_code == 405
        assert {name: answer.headers[name] for name in CORS} == CORS
        assert method == "HEAD" or errcode(answer) == (405, "M_UNRECOGNIZED")


@pytest.mark.parametrize("below", ["", "/livekit/jwt"])
def test_answers(build_call: BuildCall, below: str) -> None:
    call = build_call(at_root=True)
    for path, body in (("/get_token", call.body()), ("/sfu/get", call.legacy_body())):
        answer = call.post(path, body, below)
        assert answer.status_code == 200
        assert {name: answer.headers[name] for name in CORS} == CORS
        assert errcode(call.post(path, b"{}", below)) == (400, "M_BAD_JSON")


def test_at_root_is_off_by_default(call: Call) -> None:
    for path in PATHS:
        assert call.post(path, call.body(), below="").status_code == 404


def test_no_such_path(call: Call) -> None:
    for path in ("/livekit/jwt/nothing", "/livekit/jwt/get_token/x", "/livekit/jwt/sfu", "/livekit/x"):
        assert errcode(call.gateway.client().post(path)) == (404, "M_UNRECOGNIZED")


def test_healthz(call: Call) -> None:
    client = call.gateway.client()
    for path in ("/livekit/jwt/healthz", "/healthz"):
        assert [client.get(path).status_code, client.head(path).status_code] == [200, 200]
        others = [
            client.open(path, method=m).status_code for m in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH")
        ]
        assert others == [405] * 5


def test_a_body_that_is_too_long(call: Call) -> None:
    assert errcode(call.post("/get_token", b" " * 65_537)) == (413, "M_TOO_LARGE")


def test_the_unexpected(
    call: Call, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("the words of the error")

    monkeypatch.setattr(call.gateway.parts.issuance, "respond", broken)
    answer = call.get_token()
    assert errcode(answer) == (500, "M_UNKNOWN")
    assert "words of the error" not in answer.text
    assert answer.json
    error_id = answer.json["error"].rpartition("(")[2].strip(")")
    assert f"error {error_id}" in caplog.text


def test_the_content_type_does_not_matter(call: Call) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "x"):
        client = call.gateway.client()
        data = b'{"room_id": 1}'
        answer = client.post("/livekit/jwt/get_token", data=data, content_type=content_type)
        assert errcode(answer) == (400, "M_NOT_JSON")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TEXT = st.text(st.characters(), max_size=20)
FIELDS = (
    "room_id",
    "slot_id",
    "member",
    "openid_token",
    "delay_id",
    "delay_timeout",
    "delay_cs_api_url",
    "room",
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), path=st.sampled_from(PATHS))
def test_strangers_bodies(call: Call, data: st.DataObject, path: str) -> None:
    """Strangers' input: Hypothesis on the bodies; never a 500, never a hang."""
    body = call.body() if path == "/get_token" else call.legacy_body()
    kind = data.draw(st.sampled_from(["bytes", "json", "field", "texts"]))
    if kind == "bytes":
        answer = call.post(path, data.draw(st.binary(max_size=200)))
    elif kind == "json":
        answer = call.post(path, data.draw(JSON))
    elif kind == "field":
        answer = call.post(path, {**body, data.draw(st.sampled_from(FIELDS)): data.draw(JSON)})
    else:
        answer = call.post(path, data.draw(st.fixed_dictionaries(with_texts(body))))
    assert answer.status_code in {200, 400, 401}, answer.text
    assert answer.status_code == 200 or errcode(answer)[1].startswith("M_")


def with_texts(body: dict[str, object]) -> dict[str, st.SearchStrategy[object]]:
    """Return strategies for a body of the right shape, with texts that strangers might think of."""
    return {
        name: st.fixed_dictionaries(with_texts(value))
        if isinstance(value, dict)
        else st.just(value) | TEXT
        if isinstance(value, str)
        else st.just(value)
        for name, value in body.items()
    }
