import base64
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from issuer.jitsi.verdict import judge_token
from issuer.jitsi.verdict_parts import Finding
from tests.jitsi.tokens import NOW, encode, faults, server, token


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "a.b.c",
        "..",
        "é.é.é",
        token() + ".x",
        token() + "\n",
        encode([]) + "." + encode({}) + ".",
        encode({}) + "." + encode("x") + ".",
        encode({"typ": "JWT"}) + "." + encode({"exp": float("inf")}) + ".",
        encode({"kid": "\ud800"}) + "." + encode({}) + ".",
        "\ud800",
    ],
)
def test_junk_is_no_token(text: str) -> None:
    assert faults(text) == ["format"]


def test_nesting_beyond_all_reason_is_no_token() -> None:
    deep = base64.urlsafe_b64encode(b'{"a":' + b"[" * 100_000).decode().rstrip("=")
    assert faults(f"{encode({})}.{deep}.") == ["size", "format"]
    nested = base64.urlsafe_b64encode(b'{"iss":' + b"[" * 400 + b"]" * 400 + b"}").decode().rstrip("=")
    assert "iss" in faults(f"{encode({})}.{nested}.")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.fixed_dictionaries({}, optional=dict.fromkeys(("typ", "alg", "kid"), JSON))
CONTEXTS = JSON | st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("user", "room", "group", "features"), JSON)
)
CHANGES = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(("iss", "aud", "sub", "room", "exp", "nbf"), JSON), "context": CONTEXTS}
)


@settings(deadline=None)
@given(header=HEADERS, changes=CHANGES)
def test_any_claims_give_findings(header: dict[str, Any], changes: dict[str, Any]) -> None:
    made = token(header, **changes)
    for at in (server(), server(fetch_key=lambda kid: kid.encode(), algorithm="RS256", domain="x")):
        found = judge_token(made, at, NOW)
        assert found
        assert all(isinstance(finding, Finding) and finding.text for finding in found)
        assert all("\n" not in finding.text for finding in found)


@settings(deadline=None)
@given(
    st.text(max_size=60)
    | st.lists(st.binary(max_size=30), min_size=3, max_size=3).map(lambda parts: ".".join(_junk(parts)))
)
def test_any_text_gives_findings(text: str) -> None:
    assert faults(text)


def _junk(parts: list[bytes]) -> Iterator[str]:
    return (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
