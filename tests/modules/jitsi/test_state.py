# ruff: noqa: RUF001 - curly quotes are what is tested

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.jitsi.meeting_request import parameters
from modules.jitsi.redirect import JitsiState, override_parameters
from modules.jitsi.state import StateError, parse_state, without_refresh_token
from tests.node import Node

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(["room", "roomSafe", "tenant", "ios", "config.x", "iceServers.a.b", "config.ü"])


def reason(text: str) -> str:
    with pytest.raises(StateError) as caught:
        parse_state(text)
    return caught.value.reason


def test_what_jitsi_sends_is_understood() -> None:
    state = parse_state(
        '{"refreshToken":"secret","room":"My Room","roomSafe":"other","tenant":"acme","ios":true,'
        '"config.startWithAudioMuted":true,"interfaceConfig.X":"y","iceServers.replace":[{"urls":"turn:x"}],'
        '"config.prejoinConfig.enabled":false,"somethingNew":{"a":1}}'
    )
    assert state == JitsiState(
        room="My Room",
        tenant="acme",
        overrides=(
            ("config.startWithAudioMuted", True),
            ("interfaceConfig.X", "y"),
            ("iceServers.replace", [{"urls": "turn:x"}]),
            ("config.prejoinConfig.enabled", False),
        ),
        ios=True,
    )
    assert "secret" not in repr(state)


@pytest.mark.parametrize("platform", ["ios", "android", "electron"])
def test_platform_is_the_app_that_asks(platform: str) -> None:
    assert parse_state(json.dumps({platform: True})).platform == platform
    assert parse_state(json.dumps({platform: False})).platform is None


def test_null_is_absent() -> None:
    assert parse_state('{"room":null,"tenant":null,"ios":null}') == JitsiState()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "not_json"),
        ("{", "not_json"),
        ("{} x", "not_json"),
        ('{"config.x":NaN}', "not_json"),
        ('{"config.x":1e999}', "not_json"),
        ('{"config.x":' + "9" * 5000 + "}", "not_json"),
        ("[]", "wrong_type"),
        ('"room"', "wrong_type"),
        ("null", "wrong_type"),
        ('{"room":7}', "wrong_type"),
        ('{"room":["a"]}', "wrong_type"),
        ('{"tenant":{}}', "wrong_type"),
        ('{"ios":"true"}', "wrong_type"),
        ('{"android":1}', "wrong_type"),
        ('{"room":"a","room":"b"}', "repeated"),
        ('{"config.x":{"a":1,"a":2}}', "repeated"),
        ('{"config.":1}', "override_name"),
        ('{"config.a&b":1}', "override_name"),
        ('{"config.a=b":1}', "override_name"),
        ('{"config.a#b":1}', "override_name"),
        ('{"config.a\\n":1}', "override_name"),
        ('{"config.\\ud800":1}', "override_name"),
        ('{"config.x":' + "[" * 9 + "]" * 9 + "}", "too_deep"),
        ('{"x":' + "[" * 4000 + "]" * 4000 + "}", "too_deep"),
        ('{"x":"' + "a" * 8192 + '"}', "too_long"),
        ('{"config.x":"' + "ü" * 1000 + '"}', "too_long"),
    ],
)
def test_bad_states_are_refused_with_their_reason(text: str, expected: str) -> None:
    assert reason(text) == expected


def test_refusal_repeats_nothing_that_was_sent() -> None:
    with pytest.raises(StateError) as caught:
        parse_state('{"room": "board-secret"')
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "value", ["\\&", "“quoted”", "‘x’", 'a"b', "a&b=c#d/e", "%41", "ü🎉", "\u2028", "\x00"]
)
def test_overrides_reach_jitsi_unchanged(node: Node, value: str) -> None:
    parameters = override_parameters([("config.subject", value), ("config.n", [1, None, {"a": value}])])
    assert node.jitsi_fragment("#" + "&".join(parameters)) == {
        "config.subject": value,
        "config.n": [1, None, {"a": value}],
    }


@settings(deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_any_object_is_refused_or_its_overrides_reach_jitsi(node: Node, sent: dict[str, Any]) -> None:
    try:
        state = parse_state(json.dumps(sent))
    except StateError:
        return
    kept = dict(state.overrides)
    assert kept == {k: v for k, v in sent.items() if k.startswith(("config.", "iceServers."))}
    seen = node.jitsi_fragment("#" + "&".join(override_parameters(state.overrides)))
    assert json.dumps(_rounded(seen)) == json.dumps(_rounded(kept))


def _rounded(value: Any) -> Any:
    """JavaScript has no integers of its own."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in sorted(value.items()) if key != "__proto__"}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) + 0.0
    return value


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='{}[]":,\\utrue0123.eE-', max_size=60))
def test_any_text_is_refused_or_read(text: str) -> None:
    try:
        state = parse_state(text)
    except StateError:
        return
    assert isinstance(state, JitsiState)


SECRET = "r3fr3sh"


@settings(deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=4), st.text(max_size=20))
def test_a_query_without_its_refresh_token_asks_for_the_same(sent: dict[str, Any], other: str) -> None:
    """`refreshToken` in it is a secret: what is left of the query asks for the same meeting, without it."""
    query = urlencode({"other": other, "state": json.dumps({"refreshToken": SECRET, **sent}), "room": "x"})
    asked = parameters(query.encode())
    try:
        state = parse_state(asked["state"][0])
    except StateError:
        return
    clean = without_refresh_token(query)
    found = parameters(clean.encode())
    assert SECRET not in clean
    assert {**found, "state": []} == {**asked, "state": []}
    after = parse_state(found["state"][0])
    assert json.dumps([after.room, after.tenant, after.overrides]) == json.dumps(
        [state.room, state.tenant, state.overrides]
    )
    assert (state.has_secret, after.has_secret) == (True, False)
