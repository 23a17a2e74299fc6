"""The whole gateway with a directory that dies under load, and comes back."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from issuer.testing import LocalGateway, open_gateway
from tests.backends.ldap.seen import shows_the_line
from tests.openldap.people import GROUPS, PEOPLE, SERVICE, SERVICE_PASSWORD, password_of
from tests.openldap.server import OpenLDAP, running_openldap
from tests.upstream.authority import Authority

SIGN_INS = 500
DIES_AFTER, COMES_BACK_AFTER, SURELY_BACK_AFTER = 150, 300, 350


@pytest.fixture
def mortal(authority: Authority, programs: None) -> Iterator[OpenLDAP]:
    with running_openldap(authority) as server:
        yield server


@pytest.fixture
def gateway(mortal: OpenLDAP, tmp_path: Path) -> Iterator[LocalGateway]:
    """A gateway on the directory alone, without limits for wrong passwords."""
    directory = {
        "servers": [mortal.url],
        "ca_file": str(mortal.ca_file),
        "bind_dn": SERVICE,
        "bind_password": SERVICE_PASSWORD,
        "user_base": PEOPLE,
        "group_base": GROUPS,
    }
    limits = {"account_attempts": 10_000, "address_attempts": 10_000}
    gateway = open_gateway(tmp_path, {"backends": {"ldap": directory}, "sign_in": limits})
    yield gateway
    gateway.close()


def _sign_in(gateway: LocalGateway, uid: str, password: str) -> tuple[int, str]:
    form = {"login": uid, "password": password, "next": "/"}
    answer = gateway.client().post("/login", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    return answer.status_code, answer.text


@shows_the_line
def test_a_directory_that_dies_lets_nobody_in_and_comes_back(gateway: LocalGateway, mortal: OpenLDAP) -> None:
    dead, long_enough, back = threading.Event(), threading.Event(), threading.Event()

    def attempt(number: int) -> tuple[str, int]:
        if number == DIES_AFTER:
            mortal.kill()
            dead.set()
        if number == COMES_BACK_AFTER:
            long_enough.set()
        if number > SURELY_BACK_AFTER:
            assert back.wait(60)
        alive = not dead.is_set() or back.is_set()
        right = number % 2 == 0
        uid = f"user{number}"
        status, text = _sign_in(gateway, uid, password_of(uid) if right else "wrong")
        if status == 503:
            assert "the directory of users does not answer" in text
        return f"{'right' if right else 'wrong'}, {'alive' if alive else 'dead'}", status

    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(attempt, number) for number in range(SIGN_INS)]
        assert long_enough.wait(60)
        mortal.start()  # in this thread: it dies with the one that started it
        back.set()
        seen = Counter(future.result() for future in futures)
    assert {status for (kind, status) in seen if kind.startswith("wrong")} <= {401, 503}
    assert {status for (kind, status) in seen if kind.startswith("right")} <= {303, 503}
    assert seen["right, dead", 503] > 50
    assert seen["wrong, dead", 503] > 50
    assert seen["right, alive", 303] > 100
    assert seen["wrong, alive", 401] > 100
    for uid in ("user1", "user2"):
        assert _sign_in(gateway, uid, password_of(uid))[0] == 303
        assert _sign_in(gateway, uid, "wrong")[0] == 401
