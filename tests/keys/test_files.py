"""The directory: permissions, owners, and commands that are killed."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from issuer.keys import KeyRingError, admin, files
from tests.keys.conftest import Ring


def test_files_are_for_the_owner_only(ring: Ring) -> None:
    old = os.umask(0)
    try:
        active, _ = ring.generate()
        ring.rotate()
        ring.retire(active.kid, compromised=True)
    finally:
        os.umask(old)
    modes = {path.stat().st_mode & 0o777 for path in ring.path.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (ring.path, ring.path / "removed")} == {0o700}


def test_a_directory_that_others_can_write_to_is_warned_about(
    ring: Ring, caplog: pytest.LogCaptureFixture
) -> None:
    ring.generate()
    ring.path.chmod(0o777)
    with caplog.at_level(logging.WARNING):
        ring.rotate()
    assert f"chmod 700 {ring.path}" in caplog.text


def test_what_root_makes_belongs_to_the_owner_of_the_directory(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, tuple[int, int]] = {}

    def fchown(descriptor: int, user: int, group: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        given[path.name[:1] + path.suffix] = user, group

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", fchown)
    active, _ = ring.generate()
    ring.rotate()
    ring.retire(active.kid, compromised=True)
    owner = ring.path.stat()
    assert set(given) == {"..tmp", ".", "r"}
    assert set(given.values()) == {(owner.st_uid, owner.st_gid)}


def test_a_failed_write_leaves_everything_as_it_was(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    ring.generate()
    before = {path.name: path.read_bytes() for path in ring.path.iterdir()}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        ring.rotate()
    assert {path.name: path.read_bytes() for path in ring.path.iterdir()} == before


KILLED = """
import os, sys
from pathlib import Path
from issuer.keys import rotate
from issuer.world import SystemClock
left = int(sys.argv[2])
def killed(real):
    def call(*args, **more):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
        return real(*args, **more)
    return call
os.fsync, os.replace, os.unlink = killed(os.fsync), killed(os.replace), killed(os.unlink)
rotate(Path(sys.argv[1]), clock=SystemClock(), retention=400.0)
"""


@pytest.mark.server
def test_a_rotation_may_be_killed_at_any_point(ring: Ring) -> None:
    """After each kill there is a key that signs, all keys are published, and the next command cleans up."""
    ring.clock.time = time.time()
    ring.generate()
    killed = 0
    for point in range(20):
        worker = ring.open()
        before = {key.kid for key in worker.public_keys()}
        done = subprocess.run([sys.executable, "-c", KILLED, str(ring.path), str(point)], check=False)
        assert done.returncode in (0, -signal.SIGKILL)
        killed += done.returncode != 0
        fresh = ring.open()
        assert before <= {key.kid for key in fresh.public_keys()}
        assert before <= {key.kid for key in worker.public_keys()}
        assert worker.by_kid(fresh.signing_key("jitsi", "EdDSA").kid) is not None
        if done.returncode == 0:
            break
    else:
        pytest.fail("the rotation was always killed")
    assert killed >= 6
    assert sorted(ring.states().values())[:2] == ["active", "next"]
    assert list(ring.path.glob(".*.tmp")) == []


def test_temporary_files_are_no_keys(ring: Ring) -> None:
    active, _ = ring.generate()
    path = ring.path / f"{active.kid_sha256}.json"
    (ring.path / ".abc.tmp").write_bytes(path.read_bytes()[:50])
    assert len(ring.open().public_keys()) == 2
    assert len(ring.states()) == 2
    ring.rotate()
    assert not (ring.path / ".abc.tmp").exists()


@pytest.mark.server
def test_commands_wait_for_each_other(ring: Ring) -> None:
    ring.generate()
    code = (
        "import sys; from pathlib import Path; from issuer.keys import rotate\n"
        "from issuer.world import SystemClock\n"
        "print('begun', flush=True); rotate(Path(sys.argv[1]), clock=SystemClock(), retention=1e9)"
    )
    with files.locked(ring.path):
        before = ring.states()
        commands = [
            subprocess.Popen([sys.executable, "-c", code, str(ring.path)], stdout=subprocess.PIPE)
            for _ in range(3)
        ]
        for command in commands:
            assert command.stdout is not None
            assert command.stdout.readline() == b"begun\n"
        assert ring.states() == before
    for command in commands:
        command.communicate(timeout=60)
        assert command.returncode == 0
    assert sorted(ring.states().values()) == ["active", "next", "retired", "retired", "retired"]


def test_a_broken_file_does_not_stop_a_command(ring: Ring, caplog: pytest.LogCaptureFixture) -> None:
    active, _ = ring.generate(use="oidc")
    ring.generate()
    (ring.path / f"{active.kid_sha256}.json").write_text("{")
    assert len(ring.rotate("jitsi")) == 1
    assert "is left out" in caplog.text
    with pytest.raises(KeyRingError, match="not a valid key file"):
        admin.export(ring.path, active.kid, form="pem")
