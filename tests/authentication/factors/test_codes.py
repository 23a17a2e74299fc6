"""Codes: the numbers of the specification, the window, what people may type."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from issuer.authentication.factors.qr import qr_code
from issuer.authentication.factors.recovery import new_recovery_codes, plain_recovery_code
from issuer.authentication.factors.totp import app_uri, new_secret, steps_of_code
from issuer.authentication.factors.vault import SealError, Vault
from tests.authentication.factors.apps import App
from tests.fakes import FakeRandomness

SECRET = base64.b32encode(b"12345678901234567890").decode()
KEY = SecretStr("0f" * 32)


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_values_of_the_specification(now: float, code: str) -> None:
    """RFC 6238, appendix B, its last six digits; and the tests' own app agrees."""
    assert steps_of_code(SECRET, code, now) == [now // 30]
    assert App("", "", SECRET).code(now) == code


def test_a_clock_may_be_off_by_one_step() -> None:
    app, now = App("", "", SECRET), 1_800_000_000.0
    accepted = [steps for steps in range(-4, 5) if steps_of_code(SECRET, app.code(now, steps), now)]
    assert accepted == [-1, 0, 1]


@pytest.mark.parametrize("typed", ["287 082", " 287082 ", "287-082"])
def test_spaces_do_not_matter(typed: str) -> None:
    assert steps_of_code(SECRET, typed, 59)


@given(st.text())
def test_nothing_else_is_a_code(typed: str) -> None:
    found = steps_of_code(SECRET, typed, 59)
    assert not found or re.fullmatch(r"287082|755224|359152", re.sub(r"[\s-]", "", typed))
    assert not (plain_recovery_code(typed) or "").strip("abcdefghijklmnopqrstuvwxyz234567")


@pytest.mark.parametrize(
    "typed",
    [
        "٢٨٧٠٨٢",
        "287082".translate({48 + digit: 0xFF10 + digit for digit in range(10)}),
        "287082\0",
        "2870822",
        "",
        "-287082x",
    ],
)
def test_what_looks_like_a_code_is_none(typed: str) -> None:
    assert steps_of_code(SECRET, typed, 59) == []


def test_secrets_and_recovery_codes_are_long_and_differ() -> None:
    randomness = FakeRandomness()
    secrets = {new_secret(randomness) for _ in range(50)}
    assert len(secrets) == 50
    assert {len(base64.b32decode(secret)) for secret in secrets} == {20}
    codes = new_recovery_codes(randomness)
    assert len(set(codes)) == 10
    for code in codes:
        assert re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", code)
        assert plain_recovery_code(f" {code.upper()} ") == plain_recovery_code(code.replace("-", " "))


@pytest.mark.parametrize(
    ("uid", "service"), [("dwho", "Example"), ("jürgen@example.org", "Sign-in: A & B"), ("a b/c?d", "100 %")]
)
def test_a_phone_reads_the_picture(uid: str, service: str) -> None:
    app = App.scan(str(qr_code(app_uri(SECRET, uid, service))))
    assert (app.secret, app.service) == (SECRET, service)
    assert app.label.endswith(f":{uid}")


def test_a_picture_has_no_style_of_its_own() -> None:
    assert "style" not in qr_code("x")


def test_what_is_sealed_is_read_by_its_key_for_its_owner_only() -> None:
    vault = Vault(KEY, FakeRandomness())
    sealed = vault.seal(SECRET, "local\0dwho")
    assert SECRET.encode() not in sealed
    assert vault.seal(SECRET, "local\0dwho") != sealed
    assert Vault(KEY, FakeRandomness("other")).open(sealed, "local\0dwho") == SECRET
    with pytest.raises(SealError):
        vault.open(sealed, "local\0rtyler")
    with pytest.raises(SealError):
        Vault(SecretStr("1f" * 32), FakeRandomness()).open(sealed, "local\0dwho")
    for broken in (b"", sealed[:5], sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(SealError):
            vault.open(broken, "local\0dwho")


def test_a_hash_is_of_one_person_and_one_key() -> None:
    vault = Vault(KEY, FakeRandomness())
    others = {
        vault.digest("code", "b"),
        vault.digest("c0de", "a"),
        Vault(SecretStr("1f" * 32), FakeRandomness()).digest("code", "a"),
    }
    assert vault.digest("code", "a") not in others
    assert vault.digest("code", "a") == Vault(KEY, FakeRandomness("x")).digest("code", "a")
