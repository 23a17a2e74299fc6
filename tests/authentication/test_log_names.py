"""What the log calls the accounts that people try to sign in to."""

import logging
from pathlib import Path

import pytest

from issuer.authentication.log_names import LogNames
from issuer.authentication.throttling import account_key
from issuer.keys import KeyRing, generate
from issuer.world import SystemRandomness
from tests.fakes import FakeClock
from tests.gateway import BuildGateway

ACCOUNT = account_key("hunter2")


def ring(folder: Path) -> KeyRing:
    return KeyRing(folder, FakeClock(), retention=60)


def named(keys: KeyRing, first: str | None = None, **others: str) -> str:
    return LogNames(first, keys, others, SystemRandomness()).of(ACCOUNT)


def test_machines_that_share_a_secret_write_the_same(tmp_path: Path) -> None:
    """The second factor's key first, then the ring, then the modules' secrets; else nobody can tell."""
    empty, keys = ring(tmp_path / "none"), tmp_path / "keys"
    generate(keys, use="oidc", kind="ed25519", clock=FakeClock(), retention=60)
    found = [
        named(ring(keys), "a key of the operator"),
        named(ring(keys)),
        named(empty, app_secret="a secret of the operator"),
    ]
    assert found == [
        named(empty, "a key of the operator", app_secret="another"),
        named(ring(keys), app_secret="a secret"),
        named(empty, app_secret="a secret of the operator", later="another"),
    ]
    assert len({*found, named(empty), named(empty)}) == 5
    assert ACCOUNT not in found


def test_a_new_key_changes_nothing(tmp_path: Path) -> None:
    """The oldest key of the ring counts, so a rotation does not part the log in two."""
    clock = FakeClock()
    generate(tmp_path, use="oidc", kind="ed25519", clock=clock, retention=60)
    before = named(ring(tmp_path))
    clock.advance(10)
    generate(tmp_path, use="jitsi", kind="ed25519", clock=clock, retention=60)
    assert named(ring(tmp_path)) == before


def test_the_log_of_a_failed_sign_in(build_gateway: BuildGateway, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody who reads the log can try names on it; the operator can compute what is in it."""
    gateway = build_gateway({})
    caplog.set_level(logging.INFO)
    gateway.send_form(gateway.client(), "hunter2")
    (said,) = [record.msg for record in caplog.records if record.name == "issuer.audit"]
    assert said["event"] == "sign_in_failed"  # type: ignore[index]
    assert said["account"] == gateway.parts.log_names.of(ACCOUNT) != ACCOUNT  # type: ignore[index]
