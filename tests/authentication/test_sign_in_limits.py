"""Guessing is slowed down, tells nothing, and locks nobody out."""

import heapq
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from issuer.authentication.throttling import account_key, address_bucket, network
from issuer.backends.local import LocalUsers
from issuer.crypto.passwords import Passwords
from issuer.errors import UnavailableError
from issuer.store import AttemptPolicy
from tests.authentication.conftest import USERS
from tests.gateway import BuildGateway, LocalGateway

OURS = {"Sec-Fetch-Site": "same-origin"}


class Counter:
    """Counts verifications; each one is cheap, and wrong but for a password that equals the uid's marker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hashes: list[str | None] = []
        real = Passwords.verify

        def verify(passwords: Passwords, hashed: str | None, password: str) -> bool:
            self.hashes.append(hashed)
            return real(passwords, hashed, password)

        monkeypatch.setattr(Passwords, "verify", verify)


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    return Counter(monkeypatch)


def attempt(
    gateway: LocalGateway,
    login: str,
    password: str,
    client: FlaskClient | None = None,
    address: str = "192.0.2.1",
) -> TestResponse:
    return (client or gateway.client()).post(
        "/login",
        data={"login": login, "password": password},
        headers=OURS,
        environ_overrides={"REMOTE_ADDR": address},
    )


def wait_of(answer: TestResponse) -> int:
    assert answer.status_code == 429
    return int(answer.headers["Retry-After"])


@pytest.mark.usefixtures("full_cost")
def test_unknown_wrong_and_disabled_look_the_same_and_cost_one_verification(
    gateway: LocalGateway, counter: Counter
) -> None:
    LocalUsers(gateway.parts.services).change("rtyler", {}, enabled=False)
    pages = []
    for login, password in (
        ("dwho", "wrong"),
        ("nobody", "wrong"),
        ("rtyler", "rtyler"),
        ("rtyler", "wrong"),
    ):
        answer = attempt(gateway, login, password)
        pages.append((answer.status_code, answer.text.replace(login, "LOGIN"), dict(answer.headers)))
    assert len(counter.hashes) == 4
    first = pages[0]
    assert first[0] == 401
    for page in pages[1:]:
        assert page[:2] == first[:2]
        assert page[2].keys() == first[2].keys()
    known, nobody = counter.hashes[0], gateway.parts.services.passwords
    assert known is not None
    assert known.rpartition("$")[0].rpartition("$")[0] == nobody._nobody.rpartition("$")[0].rpartition("$")[0]
    assert "$argon2id$v=19$m=19456,t=2,p=1" in known


@pytest.mark.parametrize(("login", "password"), [("dwho", ""), ("", "x"), ("  ", "x"), ("dwho\0", "dwho")])
def test_what_can_never_be_right_is_refused_with_the_same_words(
    gateway: LocalGateway, counter: Counter, login: str, password: str
) -> None:
    wrong = attempt(gateway, "dwho", "wrong")
    answer = attempt(gateway, login, password)
    assert answer.status_code == 401
    assert "do not match" in answer.text
    assert "do not match" in wrong.text
    assert len(counter.hashes) == 1, "it does not tell whether there is such a user: none is looked for"
    for _ in range(40):
        assert attempt(gateway, login, password).status_code == 401
    gateway.clock.advance(10**6)
    assert gateway.parts.store.purge() == 3, "those of the wrong one"


@pytest.mark.parametrize("login", ["dwho", "DWho", "  dwho ", "\uff44\uff37\uff48\uff4f", "dwho\u3000"])
def test_a_login_names_its_account_however_it_is_typed(gateway: LocalGateway, login: str) -> None:
    client = gateway.client()
    assert attempt(gateway, login, "dwho", client).status_code == 303
    assert "dwho" in client.get("/").text
    assert account_key(login) == account_key("dwho")


def test_spellings_of_a_login_share_one_limit(gateway: LocalGateway) -> None:
    for login in ("dwho", "DWHO", " dwho", "\uff44who", "dWho\t"):
        assert attempt(gateway, login, "wrong").status_code == 401
    assert wait_of(attempt(gateway, "dwhO", "dwho")) == 10


def test_pauses_grow_and_are_never_slept(gateway: LocalGateway, counter: Counter) -> None:
    waits = []
    for _ in range(5):
        attempt(gateway, "dwho", "wrong")
    for _ in range(9):
        waits.append(wait_of(attempt(gateway, "dwho", "wrong")))
        gateway.clock.advance(waits[-1])
        assert attempt(gateway, "dwho", "wrong").status_code == 401
    assert waits == [10, 20, 40, 80, 160, 320, 640, 900, 900]
    assert len(counter.hashes) == 5 + 9, "a paused attempt verifies nothing"


def test_the_page_of_a_pause_says_how_long_and_keeps_the_login(gateway: LocalGateway) -> None:
    for _ in range(5):
        attempt(gateway, "dwho", "wrong")
    answer = attempt(gateway, "dwho", "dwho")
    assert "Please wait 10 seconds" in answer.text
    assert 'value="dwho"' in answer.text


def test_an_unknown_account_pauses_as_a_known_one_does(gateway: LocalGateway) -> None:
    for login in ("dwho", "nobody"):
        for _ in range(5):
            assert attempt(gateway, login, "wrong").status_code == 401
        assert wait_of(attempt(gateway, login, "wrong")) == 10


def test_failures_are_forgotten_in_time(gateway: LocalGateway) -> None:
    for _ in range(4):
        attempt(gateway, "dwho", "wrong")
    gateway.clock.advance(3601)
    for _ in range(5):
        assert attempt(gateway, "dwho", "wrong").status_code == 401


def test_a_right_password_clears_the_count_of_the_account(gateway: LocalGateway) -> None:
    for _ in range(4):
        attempt(gateway, "dwho", "wrong")
    assert attempt(gateway, "dwho", "dwho").status_code == 303
    for _ in range(5):
        assert attempt(gateway, "dwho", "wrong").status_code == 401


HERE, ELSEWHERE = "192.0.2.1", "203.0.113.9"


def lock(gateway: LocalGateway, login: str = "dwho", address: str = HERE) -> None:
    """Guess until a network is paused, for browsers that are not known."""
    for _ in range(5):
        attempt(gateway, login, "wrong", address=address)
    wait_of(attempt(gateway, login, login, address=address))


def test_a_stranger_elsewhere_does_not_pause_a_fresh_browser(gateway: LocalGateway) -> None:
    lock(gateway, address=ELSEWHERE)
    assert attempt(gateway, "dwho", "dwho").status_code == 303
    assert wait_of(attempt(gateway, "dwho", "dwho", address=ELSEWHERE)) == 10, "which clears nothing for them"


def guess_for(gateway: LocalGateway, addresses: list[str], seconds: float) -> int:
    """Guess at one account from some addresses for so long, as fast as each may; return how often."""
    clock, guesses = gateway.clock, 0
    end, turns = clock.now() + seconds, [(clock.now(), address) for address in addresses]
    heapq.heapify(turns)
    while turns[0][0] <= end:
        at, address = heapq.heappop(turns)
        clock.advance(max(0.0, at - clock.now()))
        answer = attempt(gateway, "dwho", "wrong", address=address)
        guesses += answer.status_code == 401
        wait = int(answer.headers.get("Retry-After", 0))
        heapq.heappush(turns, (clock.now() + wait, address))
    return guesses


@pytest.mark.parametrize("waits", [{}, {"first_wait": "1s", "longest_wait": "5m"}])
def test_nine_networks_that_guess_all_day_pause_nobody_else(
    build_gateway: BuildGateway, waits: dict[str, str]
) -> None:
    """However patient they are, and whatever the pauses are: the limit of all follows from them."""
    gateway = build_gateway({"sign_in": {**waits, "address_attempts": 1000}}, users=USERS)
    addresses = [f"203.0.113.{number}" for number in range(9)]
    assert guess_for(gateway, addresses, 4 * 3600) > 9 * 16
    assert attempt(gateway, "dwho", "dwho").status_code == 303


def test_many_networks_pause_fresh_browsers_evenly_and_known_ones_never(
    gateway: LocalGateway, caplog: pytest.LogCaptureFixture
) -> None:
    known = gateway.client()
    attempt(gateway, "dwho", "dwho", known)
    for number in range(28):
        for _ in range(5):
            assert attempt(gateway, "dwho", "wrong", address=f"203.0.113.{number}").status_code == 401
    wait = wait_of(attempt(gateway, "dwho", "dwho"))
    assert wait == 26, "3,600 seconds for 140 attempts"
    paused = [r.msg for r in caplog.records if isinstance(r.msg, dict) and r.msg["event"] == "sign_in_paused"]
    assert paused[-1]["limit"] == "everywhere"
    assert attempt(gateway, "dwho", "dwho", known).status_code == 303
    assert attempt(gateway, "rtyler", "rtyler").status_code == 303
    gateway.clock.advance(wait)
    assert attempt(gateway, "dwho", "dwho").status_code == 303
    assert attempt(gateway, "dwho", "dwho").status_code == 303, "a right one takes its own back"
    for address in ("198.51.100.1", "198.51.100.2"):
        last = attempt(gateway, "dwho", "wrong", address=address)
    assert last.status_code == 429
    LocalUsers(gateway.parts.services).set_password("dwho", "correct horse")
    assert attempt(gateway, "dwho", "correct horse").status_code == 303


@given(
    free=st.integers(1, 20),
    first=st.floats(0.5, 100),
    longest=st.floats(100, 5000),
    span=st.floats(1, 20_000),
)
def test_the_most_attempts_of_one_network(free: int, first: float, longest: float, span: float) -> None:
    policy, row, now, count = AttemptPolicy(free, first, longest, span), (0, 0.0, 0.0), 0.0, 0
    while now < span:
        row = policy.counted(row, now)
        now, count = now + policy.wait(row[1], now), count + 1
    assert policy.most(span) - 1 <= count <= policy.most(span)


def test_a_stranger_cannot_lock_out_a_browser_that_signed_in_before(gateway: LocalGateway) -> None:
    known = gateway.client()
    attempt(gateway, "dwho", "dwho", known)
    lock(gateway)
    assert attempt(gateway, "dwho", "dwho").status_code == 429, "but a fresh one in the stranger's network"
    assert attempt(gateway, "dwho", "dwho", known).status_code == 303
    lock(gateway)
    assert attempt(gateway, "DWHO ", "dwho", known).status_code == 303


@pytest.mark.parametrize("forged", ["", "x", "A" * 43])
def test_a_forged_browser_cookie_is_not_spared(gateway: LocalGateway, forged: str) -> None:
    attempt(gateway, "dwho", "dwho")
    lock(gateway)
    client = gateway.client()
    client.set_cookie("__Host-issuer_browser", forged)
    assert attempt(gateway, "dwho", "dwho", client).status_code == 429


def test_a_browser_is_spared_for_its_own_account_only(gateway: LocalGateway) -> None:
    known = gateway.client()
    attempt(gateway, "rtyler", "rtyler", known)
    lock(gateway)
    assert attempt(gateway, "dwho", "dwho", known).status_code == 429


def test_a_known_browser_has_a_limit_of_its_own(gateway: LocalGateway) -> None:
    known = gateway.client()
    attempt(gateway, "dwho", "dwho", known)
    for _ in range(5):
        assert attempt(gateway, "dwho", "wrong", known).status_code == 401
    assert wait_of(attempt(gateway, "dwho", "wrong", known)) == 10
    assert attempt(gateway, "dwho", "dwho").status_code == 303, "others are not paused by it"


def test_a_browser_is_forgotten_in_time(gateway: LocalGateway) -> None:
    known = gateway.client()
    attempt(gateway, "dwho", "dwho", known)
    gateway.clock.advance(180 * 86400 + 1)
    lock(gateway)
    assert attempt(gateway, "dwho", "dwho", known).status_code == 429


def test_a_new_password_forgets_the_browsers_of_the_account_and_ends_its_pause(gateway: LocalGateway) -> None:
    known = gateway.client()
    attempt(gateway, "dwho", "dwho", known)
    lock(gateway)
    LocalUsers(gateway.parts.services).set_password("dwho", "correct horse")
    assert attempt(gateway, "dwho", "correct horse").status_code == 303
    lock(gateway)
    assert attempt(gateway, "dwho", "correct horse", known).status_code == 429


def test_addresses_have_a_limit_of_their_own(gateway: LocalGateway) -> None:
    for number in range(30):
        assert attempt(gateway, f"user{number}", "wrong").status_code == 401
    assert wait_of(attempt(gateway, "dwho", "dwho")) == 10
    assert attempt(gateway, "dwho", "dwho", address="192.0.2.2").status_code == 303


def test_a_right_password_takes_back_its_own_attempt_from_the_address(build_gateway: BuildGateway) -> None:
    gateway = build_gateway({"sign_in": {"address_attempts": 3}}, users=USERS)
    for _ in range(2):
        assert attempt(gateway, "nobody", "wrong").status_code == 401
    for _ in range(5):
        assert attempt(gateway, "dwho", "dwho").status_code == 303
    assert attempt(gateway, "nobody2", "wrong").status_code == 401
    assert attempt(gateway, "dwho", "dwho").status_code == 429


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8:0:1::1", "2001:db8:0:ffff::1", True),
        ("2001:db8:1::1", "2001:db8:2::1", False),
        ("", "unix", True),
    ],
)
def test_a_site_of_ipv6_is_one_network_where_one_account_is_guessed_at(
    one: str, other: str, same: bool
) -> None:
    assert (network(one) == network(other)) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "unix", True),
    ],
)
def test_an_ipv6_customer_is_one_address(one: str, other: str, same: bool) -> None:
    assert (address_bucket(one) == address_bucket(other)) is same


def test_however_many_ask_at_once_few_passwords_are_verified(gateway: LocalGateway, counter: Counter) -> None:
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(attempt, gateway, "dwho", f"guess{n}") for n in range(40)]
        statuses = [answer.result().status_code for answer in asked]
    assert len(counter.hashes) <= 5
    assert statuses.count(429) >= 35
    assert set(statuses) <= {401, 429, 503}


def test_a_busy_server_counts_no_failure(gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> bool:
        raise UnavailableError("too many password verifications wait for their turn")

    with monkeypatch.context() as patch:
        patch.setattr(Passwords, "verify", busy)
        for _ in range(40):
            answer = attempt(gateway, "dwho", "dwho")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    gateway.clock.advance(10**6)
    assert gateway.parts.store.purge() == 0, "nor does it leave a row"
    assert attempt(gateway, "dwho", "dwho").status_code == 303


def test_what_was_typed_is_in_no_log_and_no_table(
    gateway: LocalGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for _ in range(6):
        attempt(gateway, "my password is hunter2", "hunter3")
    assert {r.msg["event"] for r in caplog.records if isinstance(r.msg, dict)} == {
        "sign_in_failed",
        "sign_in_paused",
    }
    database = (gateway.parts.settings.data_dir / "issuer.db").read_bytes()
    wal = (gateway.parts.settings.data_dir / "issuer.db-wal").read_bytes()
    for place in (caplog.text.encode(), database, wal):
        assert b"hunter" not in place
