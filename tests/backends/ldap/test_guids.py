"""objectGUID: bytes in Active Directory, a text in sessions and tokens, bytes again in filters."""

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap.filter import escape_filter_chars

from issuer.backends.ldap.guids import guid_literal, guid_text
from issuer.identity import Identity
from tests.backends.ldap.conftest import Build
from tests.openldap.people import dn_of, password_of
from tests.openldap.server import OpenLDAP

RAW = bytes.fromhex("2a29285c33445566ff0001aabbccddee")
"""The first four are what means something in a filter: `*`, `)`, `(`, `\\`."""
TEXT = "5c28292a-4433-6655-ff00-01aabbccddee"


@pytest.fixture
def uid(openldap: OpenLDAP) -> Iterator[str]:
    """Somebody who has an objectGUID."""
    openldap.add_person("guided")
    openldap.modify(dn_of("guided"), objectGUID=RAW)
    yield "guided"
    openldap.remove(dn_of("guided"))


def test_a_known_pair() -> None:
    assert guid_text(RAW) == TEXT
    assert guid_literal(TEXT) == guid_literal(TEXT.upper())
    assert guid_literal(TEXT) == "".join(f"\\{byte:02x}" for byte in RAW)


@given(st.binary(min_size=16, max_size=16))
def test_every_guid_is_written_as_its_numbers_and_found_by_its_bytes(raw: bytes) -> None:
    first, second, third, last = struct.unpack("<IHH8s", raw)
    text = f"{first:08x}-{second:04x}-{third:04x}-{last[:2].hex()}-{last[2:].hex()}"
    assert guid_text(raw) == text
    assert guid_literal(text) == escape_filter_chars(raw.decode("latin-1"), escape_mode=2)


@given(st.binary(max_size=40).filter(lambda raw: len(raw) != 16))
def test_other_bytes_are_no_guid(raw: bytes) -> None:
    assert guid_text(raw) is None


@given(st.text(max_size=40))
def test_what_is_no_guid_has_no_bytes(text: str) -> None:
    literal = guid_literal(text)
    assert literal is None or len(bytes.fromhex(literal.replace("\\", ""))) == 16


def test_somebody_is_found_again_by_their_guid(build: Build, uid: str) -> None:
    backend = build(subject_attribute="objectGUID")
    identity = backend.authenticate(uid, password_of(uid))
    assert identity
    assert identity.subject == TEXT
    assert backend.refresh(identity) == identity
    for other in ("5c28292a-4433-6655-ff00-01aabbccddef", "*", ""):
        assert backend.refresh(Identity("people", other, uid)) is None
