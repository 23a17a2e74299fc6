"""Servers that die, hang, come back; kept connections and their number."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from issuer.backends.ldap import LdapBackend
from issuer.backends.ldap.servers import KEEP_IDLE, PAUSE
from issuer.errors import UnavailableError
from tests.backends.ldap.conftest import Build
from tests.backends.ldap.seen import shows_the_line
from tests.backends.ldap.stub import Stub
from tests.fakes import FakeClock
from tests.openldap.people import password_of
from tests.openldap.server import OpenLDAP, running_openldap
from tests.upstream.authority import Authority

SHORT = {"connect_timeout": 0.3, "operation_timeout": 0.3}
REFUSED = "ldap://127.0.0.1:1"


@pytest.fixture
def mortal(authority: Authority, programs: None) -> Iterator[OpenLDAP]:
    """A directory of this test alone, that it may kill."""
    with running_openldap(authority) as server:
        yield server


def _connections(openldap: OpenLDAP, work: Callable[[], object]) -> int:
    before = len(openldap.log())
    work()
    return openldap.log()[before:].count(" ACCEPT ")


def _signs_in(backend: LdapBackend, uid: str = "dwho") -> bool:
    return backend.authenticate(uid, password_of(uid)) is not None


def test_connections_are_kept(backend: LdapBackend, openldap: OpenLDAP) -> None:
    assert _connections(openldap, lambda: [_signs_in(backend) for _ in range(20)]) == 2


def test_connections_have_a_cap_for_each_server(build: Build, openldap: OpenLDAP) -> None:
    backend = build(connections=2)

    def all_at_once() -> list[bool]:
        with ThreadPoolExecutor(12) as threads:
            return list(threads.map(lambda number: _patient(backend, f"user{number % 9}"), range(120)))

    results: list[bool] = []
    assert _connections(openldap, lambda: results.extend(all_at_once())) <= 4
    assert all(results)


def _patient(backend: LdapBackend, uid: str) -> bool:
    """Sign in, however often the directory is busy."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            return _signs_in(backend, uid)
        except UnavailableError:
            continue
    return False


def test_a_connection_that_was_idle_for_long_is_not_used(
    backend: LdapBackend, openldap: OpenLDAP, clock: FakeClock
) -> None:
    assert _signs_in(backend)
    clock.advance(KEEP_IDLE + 1)
    assert _connections(openldap, lambda: _signs_in(backend)) == 2


def test_a_restart_is_not_noticed(build: Build, mortal: OpenLDAP) -> None:
    backend = build(servers=[mortal.url])
    assert _signs_in(backend)
    mortal.kill()
    mortal.start()
    assert _signs_in(backend)


def test_the_next_server_is_asked(
    build: Build, openldap: OpenLDAP, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    backend = build(servers=[REFUSED, openldap.url])
    for _ in range(3):
        assert _signs_in(backend)
    assert caplog.text.count("Connection refused") == 1
    clock.advance(PAUSE + 1)
    assert _signs_in(backend)
    assert caplog.text.count("Connection refused") == 2


def test_the_next_server_is_asked_when_one_dies_in_the_middle(
    build: Build, openldap: OpenLDAP, mortal: OpenLDAP
) -> None:
    backend = build(servers=[mortal.url, openldap.url])
    assert _signs_in(backend)
    mortal.kill()
    assert _signs_in(backend)
    assert backend.authenticate("dwho", "wrong") is None


def test_no_server_at_all(build: Build) -> None:
    backend = build(servers=[REFUSED, "ldaps://127.0.0.1:1", "ldaps://no-such-host.invalid"], **SHORT)
    with pytest.raises(UnavailableError, match="no server answers") as caught:
        _signs_in(backend)
    assert "the directory of users does not answer" in caught.value.description
    assert password_of("dwho") not in str(caught.value)


def test_a_wrong_account_that_searches_is_no_wrong_password(build: Build) -> None:
    backend = build(bind_dn="cn=gateway,dc=example,dc=com")
    with pytest.raises(UnavailableError, match="Invalid credentials"):
        _signs_in(backend)


@shows_the_line
@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
@pytest.mark.parametrize("start_tls", [True, False])
def test_a_silent_server_is_given_up_in_time_and_without_effort(
    build: Build, stub: Stub, scheme: str, start_tls: bool
) -> None:
    options = {"start_tls": start_tls, "send_passwords_in_plain_text": True, **SHORT}
    backend = build(servers=[f"{scheme}://{stub.address}"], **options)
    begin, effort = time.monotonic(), time.thread_time()
    with pytest.raises(UnavailableError):
        _signs_in(backend)
    assert time.monotonic() - begin < 10
    assert time.thread_time() - effort < 0.2


def test_a_server_that_is_silent_within_tls_is_given_up_in_time(build: Build) -> None:
    with Stub(answer=bytes.fromhex("300c02010178070a010004000400")) as stub:
        backend = build(servers=[f"ldap://{stub.address}"], **SHORT)
        begin, effort = time.monotonic(), time.thread_time()
        with pytest.raises(UnavailableError):
            _signs_in(backend)
        assert time.monotonic() - begin < 10
        assert time.thread_time() - effort < 0.2


@shows_the_line
def test_a_silent_server_holds_few_and_then_one(build: Build, stub: Stub) -> None:
    """Two may wait for it at first, the others hear at once that they cannot sign in; then one at a time."""
    backend = build(servers=[f"ldap://{stub.address}"], connections=2, connect_timeout=1, operation_timeout=1)

    def attempt(_: int) -> None:
        with pytest.raises(UnavailableError):
            _signs_in(backend)

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(attempt, range(12)))
    assert len(stub.connections) <= 4
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(attempt, range(12)))
    assert len(stub.connections) <= 16


def test_a_silent_server_does_not_stop_the_next(build: Build, stub: Stub, openldap: OpenLDAP) -> None:
    backend = build(servers=[f"ldap://{stub.address}", openldap.url], **SHORT)
    assert all(_signs_in(backend, f"user{number}") for number in range(10))
    assert len(stub.connections) == 1


def test_a_stop_closes_what_is_open(backend: LdapBackend, openldap: OpenLDAP) -> None:
    before = len(openldap.log())
    assert _signs_in(backend)
    backend.stop()
    deadline = time.monotonic() + 10
    while openldap.log()[before:].count(" closed") < 2:
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
