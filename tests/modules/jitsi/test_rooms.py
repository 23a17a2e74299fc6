# ruff: noqa: RUF001 - look-alikes are what these names are about

import sys
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.jitsi.rooms import (
    DROPPED,
    LONGEST_LOCALPART,
    RoomError,
    TenantError,
    clean_room,
    in_address_bar,
    normal_form,
    parse_room,
    parse_tenant,
)
from tests.modules.jitsi.names import ACCEPTED, REFUSED
from tests.node import Node

SERVER = "https://meet.example.com"


def test_the_table_is_long_enough() -> None:
    assert len(ACCEPTED) >= 60


@pytest.mark.parametrize(("text", "claim"), ACCEPTED.items())
def test_claim_is_what_jitsi_makes_of_the_path(node: Node, text: str, claim: str) -> None:
    room = parse_room(text)
    assert room.claim == claim
    parsed = node.url_parse(f"{SERVER}/{room.segment}?jwt=x")
    assert parsed
    assert parsed["pathname"] == f"/{room.segment}"
    assert node.jitsi_room_of_path(parsed["pathname"]) == claim


@pytest.mark.parametrize("text", [text for text in ACCEPTED if text != "%zz"])
def test_jitsi_itself_would_call_the_conference_the_same(node: Node, text: str) -> None:
    assert node.jitsi_room_of_path(f"/{quote(text, safe='')}") == parse_room(text).claim


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_forbidden_names_are_refused_with_their_reason(text: str, reason: str) -> None:
    with pytest.raises(RoomError) as caught:
        parse_room(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize("text", [None, "{room}"])
def test_no_name_is_missing(text: str | None) -> None:
    """A client that does not fill in `{room}` sends it as it stands in its settings."""
    with pytest.raises(RoomError) as caught:
        parse_room(text)
    assert caught.value.reason == "missing"


def test_refusal_repeats_nothing_that_was_sent() -> None:
    with pytest.raises(RoomError) as caught:
        parse_room("<script>")
    assert "script" not in str(caught.value)


def test_every_character_among_letters(node: Node) -> None:
    """All of Unicode that this Python knows, against the Unicode of node; of long plain ranges a sample."""
    accepted = []
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if unicodedata.category(char) not in {"Cn", "Co", "Cs"} and (code % 64 == 0 or not _is_plain(char)):
            accepted += _rooms(f"Aσ{char}Σ")
    assert len(accepted) > 30_000
    models = node.jitsi_rooms_of_paths([f"/{segment}" for segment, _ in accepted])
    assert [pair for pair, model in zip(accepted, models, strict=True) if pair[1] != model] == []


def test_characters_that_python_does_not_know_yet(node: Node) -> None:
    """Node knows a newer Unicode; what it changes is refused here, and what is taken it leaves alone."""
    unknown = [chr(code) for code in range(0x20000) if unicodedata.category(chr(code)) == "Cn"]
    accepted = _rooms(*unknown)
    assert 0 < len(accepted) < len(unknown)
    models = node.jitsi_rooms_of_paths([f"/{segment}" for segment, _ in accepted])
    assert models == [claim for _, claim in accepted]


def _is_plain(char: str) -> bool:
    """Tell ideographs and Hangul syllables, a hundred thousand characters without case."""
    return (
        0x3400 <= ord(char) < 0xA000
        or 0xAC00 <= ord(char) < 0xD7A4
        or 0x20000 <= ord(char) < 0x2F800
        or 0x30000 <= ord(char) < 0x40000
    )


def _rooms(*texts: str) -> list[tuple[str, str]]:
    found = []
    for text in texts:
        try:
            room = parse_room(text)
        except RoomError:
            continue
        found.append((room.segment, room.claim))
    return found


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_refused_or_means_the_same_to_jitsi(node: Node, text: str) -> None:
    try:
        room = parse_room(text)
    except RoomError:
        return
    assert parse_room(room.name) == room
    assert normal_form(room.name) == room.name
    assert node.jitsi_room_of_path(f"/{room.segment}") == room.claim
    assert "*" not in room.claim
    assert len(room.claim) <= 1023


BAR = st.text(alphabet="aZÜΣ%2058CEc3af+é/ ", max_size=20) | st.text(max_size=20)


@settings(deadline=None)
@given(BAR)
def test_a_room_of_the_address_bar_is_refused_or_means_the_same_to_jitsi(node: Node, text: str) -> None:
    """Jitsi's `state` has the room as it stands in the address bar (functions.any.ts)."""
    try:
        room = parse_room(in_address_bar(text))
    except RoomError:
        return
    assert room.claim == node.jitsi_safe_room(text)
    assert node.jitsi_room_of_path(f"/{room.segment}") == room.claim


@pytest.mark.parametrize(
    ("typed", "segment"),
    [
        ("My Room", "My%20Room"),
        ("STANDUP", "STANDUP"),
        ("Übung", "%C3%9Cbung"),
        ("ΣΟΦΟΣ", "%CF%83%CE%BF%CF%86%CE%BF%CF%82"),
    ],
)
def test_the_path_keeps_the_capitals_that_mean_the_same_everywhere(typed: str, segment: str) -> None:
    """The case of the room in the *path* stays as people typed it (Jitsi shows it as title)."""
    assert parse_room(typed).segment == segment
    assert parse_room(typed) == parse_room(typed.lower())


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [
        ("  My Room ", "My Room"),
        ("What's up?", "Whats up"),
        ("*", ""),
        ("＊a／b", "ab"),
        ("a\nb", "ab"),
        ("https://meet.example.com/x", "httpsmeet.example.comx"),
        ("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 1023, None),  # of one character NFKC makes 18
    ],
)
def test_cleaning_drops_what_jitsi_drops(typed: str, cleaned: str | None) -> None:
    found = clean_room(typed)
    assert len(found) <= LONGEST_LOCALPART
    assert cleaned in {None, found}


@settings(deadline=None)
@given(st.text(alphabet=st.characters() | st.sampled_from(sorted(DROPPED)), max_size=40))
def test_a_cleaned_name_is_accepted_or_nothing_could_be_left_of_it(text: str) -> None:
    reason = ""
    try:
        parse_room(clean_room(text))
    except RoomError as error:
        reason = error.reason
    assert reason in {"", "empty", "dots", "unstable", "too_long"}


@pytest.mark.parametrize(
    ("text", "name"),
    [("Acme", "acme"), ("a_b-9", "a_b-9"), ("ＡＣＭＥ", "acme"), ("a" * 63, "a" * 63), ("A/b", "a/b")],
)
def test_tenant_has_one_normal_form(text: str, name: str) -> None:
    tenant = parse_tenant(text)
    assert tenant
    assert tenant.name == name


@pytest.mark.parametrize("text", [None, ""])
def test_no_tenant(text: str | None) -> None:
    assert parse_tenant(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "[a]",
        "a.b",
        "..",
        "/a",
        "a/",
        "a//b",
        "a/..",
        "a/../b",
        "a／／b",
        "/".join("abcdefghi"),
        "ü",
        " ",
        "a b",
        "%2e",
        "a\n",
        "\ud800",
        "a" * 64,
        "\ufdfa",
    ],
)
def test_other_tenants_are_refused(text: str) -> None:
    with pytest.raises(TenantError):
        parse_tenant(text)


@settings(deadline=None)
@given(st.text(max_size=80) | st.text(alphabet="aZ9-_/.%", max_size=80))
def test_any_tenant_is_refused_or_harmless(text: str) -> None:
    try:
        tenant = parse_tenant(text)
    except TenantError:
        return
    assert tenant is None or parse_tenant(tenant.name) == tenant
    assert tenant is None or (quote(tenant.name) == tenant.name and "" not in tenant.name.split("/"))
