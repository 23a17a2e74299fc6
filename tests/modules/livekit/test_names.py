"""The names that clients compute too."""

import base64
import hashlib

import canonicaljson
from hypothesis import example, given
from hypothesis import strategies as st

from modules.livekit.names import canonical_json, digest, room_name

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from('"\\/\b\f\n\r\t\x00\x1f\x7f<>&\u2028\u2029\U0001f600')
)


@given(st.lists(TEXTS, max_size=4))
@example(['"', "\\", "<>&'", "\u2028\u2029", "\x00\x01\x1f\x7f\x80", "\U0001f600\U0010ffff", "é\uffff"])
def test_canonical_json(texts: list[str]) -> None:
    """Every row of "Order of checks" by test, with the count of upstream requests made. Canonical JSON:
    property test against an independent canonical encoder, with quotes, control characters, `<>&`, U+2028,
    astral characters.
    """
    assert canonical_json(*texts) == canonicaljson.encode_canonical_json(texts)


@given(TEXTS, TEXTS)
def test_a_name_is_the_unpadded_digest(room_id: str, slot_id: str) -> None:
    expected = hashlib.sha256(canonicaljson.encode_canonical_json([room_id, slot_id])).digest()
    name = room_name(room_id, slot_id)
    assert len(name) == 43
    assert base64.b64decode(name + "=") == expected


def test_known_names() -> None:
    """Values made with another program: `printf '%s' JSON | openssl dgst -sha256 -binary | base64`."""
    assert room_name("!r:hs", "m.call#ROOM") == "VrG99a0G4ev+qubz6efARhLBA3Aq+fMdRuytFLRA/MM"
    assert digest("@u:hs", "DEV", 'x"<&>\u2028') == "8Ryt3BBMjdQlEmWDZjdizS4QV0WXYxykGCpW3yCTQn0"
