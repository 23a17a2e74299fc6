"""Small parts of sign-in and portal: password hashes, devices, addresses, initials."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.authentication.current_session import SignedInPerson
from issuer.authentication.identities.resolver import normal_login
from issuer.authentication.throttling import account_key
from issuer.crypto.passwords import Passwords
from issuer.errors import UnavailableError
from issuer.portal.devices import device_name
from issuer.settings.types import origin
from tests.fakes import FakeRandomness


def test_at_most_one_verification_runs_at_a_time_and_few_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(FakeRandomness(), parallel=1, waiting=2)
    running, most, go, lock = 0, 0, threading.Event(), threading.Lock()

    def slow(*_: object) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go.wait(30)
        with lock:
            running -= 1
        return False

    monkeypatch.setattr(passwords, "_matches", slow)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(passwords.verify, None, "x") for _ in range(3)]
        deadline = time.monotonic() + 30
        while passwords._line._value and time.monotonic() < deadline:
            time.sleep(0.001)
        with pytest.raises(UnavailableError):
            passwords.verify(None, "x")
        go.set()
        assert [answer.result(30) for answer in asked] == [False] * 3
    assert most == 1
    assert passwords.verify(None, "x") is False, "places are free again"


def test_a_damaged_hash_is_no_match() -> None:
    passwords = Passwords(FakeRandomness())
    right = passwords.hash("correct horse")
    assert passwords.verify(right, "correct horse")
    assert not passwords.verify(right, "correct horsf")
    for damaged in ("", "x", "$argon2id$", right[:-5], right.replace("argon2id", "argon2x")):
        assert not passwords.verify(damaged, "correct horse")
    assert not passwords.verify(right, "\ud800")


@given(st.text(max_size=30), st.sampled_from([str, str.upper, str.lower, str.title, lambda t: f" {t}\t"]))
def test_every_spelling_that_finds_an_account_counts_against_it(login: str, spelling: object) -> None:
    """What the look-up reads as one account is one bucket: no spelling has attempts of its own."""
    assert callable(spelling)
    other = spelling(login)
    if normal_login(other) == normal_login(login):
        assert account_key(other) == account_key(login)
    assert len(account_key(login)) == 32


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari, iPhone",
        ),
        ("curl/8.5.0", "curl"),
        ("", ""),
        ("\x00<script>", ""),
    ],
)
def test_a_browser_has_a_short_name(agent: str, name: str) -> None:
    assert device_name(agent) == name


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Rose Tyler", "RT"), ("dwho", "D"), ("Ada King von X", "AX"), ("!!", "?"), ("", "?")],
)
def test_a_badge_has_initials(name: str, initials: str) -> None:
    assert SignedInPerson(name, "uid").initials == initials


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://AUTH.example.com:443/x", "https://auth.example.com"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://a:443/", "http://a:443"),
        ("https://a:80/", "https://a:80"),
    ],
)
def test_an_origin_has_no_default_port(url: str, expected: str) -> None:
    assert origin(url) == expected
