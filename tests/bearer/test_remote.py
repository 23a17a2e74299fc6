"""The keys of another server: kept, looked at again when a key is unknown, once a minute, by one thread."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from issuer.bearer import KeysUnavailableError, RemoteKeys
from issuer.upstream import TooManyCallsError, Upstream
from tests.bearer.tokens import ec_key, jwk, key_set, rsa_key
from tests.fakes import FakeClock
from tests.upstream.fixtures import BuildStub, BuildUpstream
from tests.upstream.stub import Reply, Stub

ONE = jwk(rsa_key("one"), "one")
TWO = jwk(ec_key("two"), "two")


class Provider:
    """A server with a key set that a test changes."""

    def __init__(self, build_stub: BuildStub, upstream: Upstream) -> None:
        self.reply = key_set(ONE)
        self.stub: Stub = build_stub(lambda _: self.reply)
        self.clock = FakeClock()
        self.keys = RemoteKeys(upstream, self.clock, f"http://127.0.0.1:{self.stub.port}/keys")

    @property
    def asked(self) -> int:
        return len(self.stub.seen)

    def knows(self, kid: str, algorithm: str = "RS256") -> bool:
        return self.keys.key(kid, algorithm) is not None


@pytest.fixture
def build_provider(build_stub: BuildStub, build_upstream: BuildUpstream) -> Callable[..., Provider]:
    return lambda **options: Provider(build_stub, build_upstream(**options))


@pytest.fixture
def provider(build_provider: Callable[..., Provider]) -> Provider:
    return build_provider()


def test_keys_are_fetched_when_first_needed_and_kept(provider: Provider) -> None:
    assert provider.asked == 0
    assert all(provider.knows("one") for _ in range(5))
    assert provider.asked == 1
    assert provider.stub.seen[0].headers["Accept"] == "application/json"


def test_an_unknown_key_makes_us_look_again_at_most_once_a_minute(provider: Provider) -> None:
    assert provider.knows("one")
    provider.reply = key_set(ONE, TWO)
    assert not provider.knows("two", "ES256")
    provider.clock.advance(59.9)
    assert not any(provider.knows(f"strange-{number}") for number in range(50))
    assert provider.asked == 1
    provider.clock.advance(0.2)
    assert provider.knows("two", "ES256")
    assert not any(provider.knows(f"strange-{number}") for number in range(50))
    assert provider.asked == 2


def test_a_key_that_is_withdrawn_is_forgotten(provider: Provider) -> None:
    assert provider.knows("one")
    provider.reply = key_set(TWO)
    provider.clock.advance(600.1)
    assert provider.knows("one")  # what makes us look
    assert not provider.knows("one")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(503),
        Reply(200, b"<html>"),
        Reply(200, b"[]"),
        Reply(200, b'{"keys": []}'),
        Reply(302, headers={"Location": "/elsewhere"}),
        Reply(200, b" " * 100_000),
    ],
)
def test_a_server_that_fails_now_does_not_take_its_keys_away(
    provider: Provider, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    assert provider.knows("one")
    provider.reply = reply
    provider.clock.advance(700)
    assert provider.knows("one")
    assert not provider.knows("two", "ES256")
    assert provider.asked == 2
    assert "no keys of http://127.0.0.1" in caplog.text
    provider.clock.advance(24 * 3600)
    with pytest.raises(KeysUnavailableError):
        provider.knows("one")


def test_before_the_first_success_it_is_asked_again_soon(provider: Provider) -> None:
    provider.reply = Reply(503)
    for _ in range(10):
        with pytest.raises(KeysUnavailableError):
            provider.knows("one")
    assert provider.asked == 1
    provider.reply = key_set(ONE)
    provider.clock.advance(5.1)
    assert provider.knows("one")


def test_many_threads_make_one_call(provider: Provider) -> None:
    gate = threading.Event()
    provider.reply.waits_for = gate
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(provider.knows, "one") for _ in range(8)]
        while not provider.asked:
            pass
        gate.set()
        assert all(one.result() for one in found)
    assert provider.asked == 1


def test_a_server_that_hangs_holds_a_part_of_the_threads(build_provider: Callable[..., Provider]) -> None:
    """Three quarters of them at most; the others are told at once, or after a moment."""
    provider = build_provider(threads=4, total_timeout=20.0)
    gate = threading.Event()
    provider.reply.waits_for = gate
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(provider.knows, "one") for _ in range(4)]
        with pytest.raises(TooManyCallsError):
            _first_failure(found)
        gate.set()
        assert sum(_is_good(one) for one in found) == 3


def _first_failure(found: list[Any]) -> None:
    while True:
        for one in found:
            if one.done():
                one.result()


def _is_good(one: Any) -> bool:
    return one.exception() is None and bool(one.result())


def test_known_keys_are_used_while_somebody_looks(provider: Provider) -> None:
    assert provider.knows("one")
    gate = threading.Event()
    provider.reply = key_set(ONE, TWO)
    provider.reply.waits_for = gate
    provider.clock.advance(700)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(provider.knows, "one")
        while provider.asked < 2:
            pass
        assert provider.knows("one")
        gate.set()
        assert slow.result()
    assert provider.knows("two", "ES256")
