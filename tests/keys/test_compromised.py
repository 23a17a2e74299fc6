"""A snapshot of the keys that is older than its bound is not used."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from issuer.keys import files
from issuer.keys import ring as ring_module
from issuer.keys.model import KeysUnknownError
from issuer.keys.ring import BOUND, LOOK_EVERY
from tests.faults.gates import Gate
from tests.keys.conftest import Ring

ROUNDS = 100
THREADS = 4


def replace_leaked(ring: Ring) -> str:
    """Retire the active key as compromised, and return its kid."""
    (done,) = ring.rotate("jitsi")
    (leaked,) = done.retired
    ring.retire(leaked, compromised=True)
    return leaked


@pytest.mark.slow
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_no_token_with_a_compromised_key_after_the_bound(ring: Ring, busy: bool) -> None:
    """A key retired as compromised: no token with it after the bound, 100 rounds, on an idle and on a busy
    worker."""
    ring.generate()
    worker = ring.open()
    ended = threading.Event()

    def sign() -> None:
        while not ended.wait(0.001):
            worker.signing_key("jitsi", "EdDSA")

    with ThreadPoolExecutor(THREADS) as pool:
        work = [pool.submit(sign) for _ in range(THREADS if busy else 0)]
        try:
            for _ in range(ROUNDS):
                leaked = replace_leaked(ring)
                ring.clock.advance(BOUND)
                kids = {worker.signing_key("jitsi", "EdDSA").kid for _ in range(THREADS)}
                assert leaked not in kids
                assert worker.by_kid(leaked) is None
        finally:
            ended.set()
        for done in work:
            done.result()


def test_who_comes_while_a_late_look_is_slow_waits_for_it(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.generate()
    worker = ring.open()
    leaked = replace_leaked(ring)
    gate = Gate()
    monkeypatch.setattr(files, "scan", gate.before(files.scan))
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            ring.clock.advance(LOOK_EVERY)
            looking = pool.submit(worker.signing_key, "jitsi", "EdDSA")
            gate.wait_for_somebody()
            assert worker.signing_key("jitsi", "EdDSA").kid == leaked, "it is not too old yet: nobody waits"
            ring.clock.advance(BOUND)
            others = [pool.submit(worker.signing_key, "jitsi", "EdDSA") for _ in range(THREADS - 1)]
            assert not any(other.done() for other in others)
        finally:
            gate.open()
        assert leaked not in {found.result().kid for found in [looking, *others]}


def test_nobody_waits_without_end_for_the_look_of_another(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.generate()
    worker = ring.open()
    gate = Gate()
    monkeypatch.setattr(files, "scan", gate.before(files.scan))
    monkeypatch.setattr(ring_module, "LONGEST_WAIT", 0.05)
    with ThreadPoolExecutor(1) as pool:
        try:
            ring.clock.advance(BOUND)
            looking = pool.submit(worker.signing_key, "jitsi", "EdDSA")
            gate.wait_for_somebody()
            for look_up in (lambda: worker.signing_key("jitsi", "EdDSA"), worker.public_keys):
                with pytest.raises(KeysUnknownError):
                    look_up()
        finally:
            gate.open()
        assert worker.signing_key("jitsi", "EdDSA") == looking.result()
