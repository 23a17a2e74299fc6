"""The Authorization header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.bearer import bearer_token


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, None),
        ("Bearer a.b-c_d~e+f/g==", "a.b-c_d~e+f/g=="),
        ("bearer a", "a"),
        ("BEARER   a ", "a"),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("Bearer a b", ""),
        ("Bearer a,b", ""),
        ("Bearer\ta", ""),
        ("Basic YTpi", ""),
        ("", ""),
        ("Bearer a\n", ""),
    ],
)
def test_a_header_is_read(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token


@given(st.text())
def test_any_header_is_read(header: str) -> None:
    assert bearer_token(header) is not None
