"""Codes that people type: every way to write one is the same, and nothing else is one (RFC 8628 §6.1)."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.oidc import user_codes
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import OURS, Provider
from tests.modules.oidc.test_device import TV, begin, poll

MANY = settings(max_examples=500, deadline=None, database=None)
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
SEPARATORS = ["", " ", "-", "  ", "\t", "\u00a0", "\u2010", "\u2011", "\u2013", "\u2014", "\u00ad"]
SEPARATORS += ["\u200b", "\uff0d"]
CODES = st.text(LETTERS, min_size=8, max_size=8)
WIDE = {letter: chr(ord(letter) + 0xFEE0) for letter in LETTERS + LETTERS.lower()}
LOOK_ALIKES = [*"865201IO", *"ВСНКМРТХΚΖ", "ß", "ſt", "ﬂ"]  # noqa: RUF001
"""Digits, vowels, Cyrillic and Greek, and what becomes two letters."""


def written(code: str) -> str:
    return f"{code[:4]}-{code[4:]}"


@st.composite
def typed(draw: st.DrawFn) -> tuple[str, str]:
    """A code, and one of the ways in which somebody may type it."""
    code = draw(CODES)
    letters = [draw(st.sampled_from([c, c.lower(), WIDE[c], WIDE[c.lower()]])) for c in code]
    gaps = draw(st.lists(st.sampled_from(SEPARATORS), min_size=9, max_size=9))
    pairs = zip(gaps, [*letters, ""], strict=True)
    return code, "".join(gap + letter for gap, letter in pairs)


@MANY
@given(pair=typed())
def test_every_way_to_write_a_code_is_the_same_code(pair: tuple[str, str]) -> None:
    code, text = pair
    assert user_codes.read(text) == written(code)


@MANY
@given(pair=typed(), other=st.sampled_from(LOOK_ALIKES), place=st.integers(0, 7))
def test_a_letter_that_only_looks_like_another_makes_no_code(
    pair: tuple[str, str], other: str, place: int
) -> None:
    code, _ = pair
    for text in (code[:place] + other + code[place + 1 :], code[:place] + other + code[place:]):
        assert user_codes.read(text) is None


@MANY
@given(text=st.one_of(st.text(max_size=30), st.text(LETTERS + "aeiouAEIOU019 -.", max_size=20)))
def test_whatever_text_there_is_is_one_code_or_none(text: str) -> None:
    found = user_codes.read(text)
    plain = re.sub(r"[ -]", "", text).upper() if text.isascii() else None
    if plain is not None and not re.search(r"\s", plain):
        assert found == (written(plain) if re.fullmatch(f"[{LETTERS}]{{8}}", plain) else None)
    assert found is None or user_codes.read(found) == found


@MANY
@given(drawn=st.binary(min_size=8, max_size=8))
def test_a_code_that_is_drawn_reads_as_itself(drawn: bytes) -> None:
    class Given:
        def bytes(self, count: int) -> bytes:
            return bytes(byte % 240 for byte in drawn)[:count]

    code = user_codes.draw(Given())
    assert user_codes.read(code) == code


@pytest.mark.parametrize("text", ["\ud800BCDFGHJ", "B" * 100_000, "BCDF-GHJK please call 555", ""])
def test_texts_that_are_no_code(text: str) -> None:
    assert user_codes.read(text) is None


def enter(browser: FlaskClient, text: str) -> tuple[int, str]:
    answer = browser.get("/oidc/device", query_string={"user_code": text})
    return answer.status_code, answer.get_data(as_text=True)


@pytest.fixture
def waiting(make_provider: MakeProvider) -> tuple[Provider, dict[str, Any]]:
    provider = make_provider(clients=TV)
    return provider, begin(provider)


def test_people_see_the_code_as_the_device_shows_it(waiting: tuple[Provider, dict[str, Any]]) -> None:
    provider, begun = waiting
    browser, code = provider.gateway.sign_in("dwho"), begun["user_code"]
    for text in (code, code.lower(), code.replace("-", "\u2013"), "".join(WIDE.get(c, " ") for c in code)):
        status, page = enter(browser, text)
        assert (status, "Television" in page, code in page) == (200, True, True)


def test_what_is_no_code_is_said_and_counts_as_no_guess(waiting: tuple[Provider, dict[str, Any]]) -> None:
    provider, begun = waiting
    browser, code = provider.gateway.sign_in("dwho"), begun["user_code"]
    for number in range(20):
        status, page = enter(browser, f"{code} call {number}")
        assert (status, "no vowels and no digits" in page) == (400, True)
    form = {"user_code": f"{code}8", "decision": "allow", "session": "x"}
    assert browser.post("/oidc/device", data=form, headers=OURS).location == "/oidc/device"
    assert poll(provider, begun["device_code"]).get_json()["error"] == "authorization_pending"
    assert enter(browser, code)[0] == 200
