"""What a worker sees of changes, and of files that are not as they should be."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from issuer.keys import KeyRing, KeyRingError, KeyState, PrivateKey, files, loader
from issuer.keys.model import KeysUnknownError
from issuer.keys.parsing import parse_pem
from issuer.keys.ring import BOUND
from tests.keys.conftest import Ring


def test_a_worker_notices_a_rotation_within_ten_seconds(ring: Ring) -> None:
    _, following = ring.generate()
    worker = ring.open()
    ring.rotate()
    ring.clock.advance(10)
    assert worker.signing_key("jitsi", "EdDSA").kid == following.kid


def test_a_worker_does_not_look_at_the_directory_for_every_token(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    active, _ = ring.generate()
    worker = ring.open()
    monkeypatch.setattr(files, "scan", None)
    for _ in range(100):
        assert worker.signing_key("jitsi", "EdDSA").kid == active.kid
        assert worker.by_kid(active.kid) is not None


@pytest.mark.parametrize("kind", ["rsa-2048", "p-256", "ed25519"])
def test_machines_with_one_ring_share_secrets(ring: Ring, kind: str) -> None:
    """What a key signed before it was retired is verified until it is gone; a purpose has its own."""
    ring.generate(kind)
    one, other = ring.open(), ring.open()
    before = one.secrets("jitsi", b"a purpose")
    assert before == other.secrets("jitsi", b"a purpose")
    assert not {*before} & {*one.secrets("jitsi", b"another")}
    assert all(len(secret) == 32 for secret in before)
    ring.rotate()
    ring.clock.advance(10)
    after = one.secrets("jitsi", b"a purpose")
    assert after[0] != before[0]
    assert before[0] in after
    with pytest.raises(KeyRingError, match="issuer keys generate --use oidc"):
        one.secrets("oidc", b"a purpose")


def test_an_unknown_kid_makes_it_look_again_at_once(ring: Ring) -> None:
    ring.generate()
    worker = ring.open()
    new = ring.generate(use="oidc")[0]
    found = worker.by_kid(new.kid)
    assert found == new
    newer = ring.generate("p-256", use="oidc")[0]
    assert worker.by_kid_sha256(newer.kid_sha256, "oidc") == newer


def test_a_key_is_found_without_waiting_when_there_was_none(ring: Ring) -> None:
    worker = ring.open()
    with pytest.raises(KeyRingError, match="issuer keys generate --use jitsi --type rsa-2048"):
        worker.signing_key("jitsi", "RS512")
    active = ring.generate()[0]
    assert worker.signing_key("jitsi", "EdDSA").kid == active.kid


def test_junk_reads_no_file(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    ring.generate()
    worker = ring.open()
    monkeypatch.setattr(files, "read", None)
    for junk in ("", "x", "\udcff", "a" * 10_000, "../../etc/passwd"):
        assert worker.by_kid(junk) is None
        assert worker.by_kid_sha256(junk, "jitsi") is None


def test_a_key_server_has_the_keys_of_its_use_only(ring: Ring) -> None:
    key = ring.generate(use="oidc")[0]
    worker = ring.open()
    assert worker.by_kid_sha256(key.kid_sha256, "jitsi") is None
    assert worker.by_kid_sha256(key.kid_sha256.upper(), "oidc") is None
    assert worker.by_kid_sha256(key.kid_sha256, "oidc") == key


def test_active_keys_come_first_and_a_use_can_be_picked(ring: Ring) -> None:
    ring.generate(use="oidc")
    ring.generate(use="jitsi")
    ring.rotate()
    keys = ring.open().public_keys()
    assert [str(key.state) for key in keys] == ["active"] * 2 + ["next"] * 2 + ["retired"] * 2
    assert {key.use for key in ring.open().public_keys("oidc")} == {"oidc"}


def test_the_key_set_has_no_secret(ring: Ring, rsa_pem: bytes) -> None:
    ring.add(rsa_pem)
    ring.generate("p-256")
    ring.generate("ed25519")
    keys = ring.open().jwks()["keys"]
    assert {(key["kty"], key.get("alg")) for key in keys} == {
        ("RSA", None),
        ("EC", "ES256"),
        ("OKP", "EdDSA"),
    }
    allowed = {"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"}
    assert all(set(key) <= allowed and key["use"] == "sig" for key in keys)


def test_nothing_shows_key_material(ring: Ring, rsa_pem: bytes) -> None:
    ring.add(rsa_pem)
    worker = ring.open()
    shown = repr(worker.signing_key("jitsi", "RS256")) + repr(
        [files.read(p) for p in ring.path.glob("*.json")]
    )
    assert "PRIVATE" not in shown
    assert "private=" not in shown


def test_an_algorithm_that_no_key_signs_is_named(ring: Ring) -> None:
    with pytest.raises(KeyRingError, match="'PS256'"):
        ring.open().signing_key("jitsi", "PS256")


def test_a_key_is_parsed_once(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    active, _ = ring.generate()
    real = parse_pem
    parsed: list[bytes] = []

    def counted(data: bytes) -> PrivateKey:
        parsed.append(data)
        return real(data)

    monkeypatch.setattr(loader, "parse_pem", counted)
    worker = ring.open()
    assert len(parsed) == 2
    first = worker.signing_key("jitsi", "EdDSA").private
    assert worker.signing_key("jitsi", "EdDSA").private is first
    (done,) = ring.rotate()
    assert worker.by_kid(done.next) is not None
    assert worker.signing_key("jitsi", "EdDSA").kid == done.activated
    assert worker.by_kid(active.kid) is not None
    assert len(parsed) == 3


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"version": 2}', b"\xff\xfe", b"null"])
def test_a_broken_file_keeps_what_was_known_and_hurts_no_other(
    ring: Ring, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    active, following = ring.generate()
    worker = ring.open()
    (ring.path / f"{active.kid_sha256}.json").write_bytes(damage)
    newer = ring.generate(use="oidc")[0]
    ring.clock.advance(2)
    for _ in range(3):
        assert worker.by_kid(newer.kid) == newer
        assert worker.signing_key("jitsi", "EdDSA").kid == active.kid
        assert worker.by_kid("junk") is None
    assert caplog.text.count(f"{active.kid_sha256}.json: it is not a valid key file") == 1
    assert {key.kid for key in ring.open().public_keys("jitsi")} == {following.kid}


def test_a_half_written_file_is_taken_when_it_is_whole(ring: Ring) -> None:
    active, _ = ring.generate()
    path = ring.path / f"{active.kid_sha256}.json"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    worker = ring.open()
    assert worker.by_kid(active.kid) is None
    path.write_bytes(whole)
    assert worker.by_kid(active.kid) == active


def test_another_key_under_a_known_kid_is_not_taken(ring: Ring, caplog: pytest.LogCaptureFixture) -> None:
    active, following = ring.generate()
    worker = ring.open()
    path = ring.path / f"{active.kid_sha256}.json"
    mine = files.read(path)
    theirs = files.read(ring.path / f"{following.kid_sha256}.json")
    files.write(ring.path, mine.model_copy(update={"private_key": theirs.private_key}))
    assert worker.by_kid("junk") is None
    assert worker.by_kid(active.kid) == active
    assert "a kid never names two keys" in caplog.text


def test_a_copied_file_is_not_taken(ring: Ring, caplog: pytest.LogCaptureFixture) -> None:
    active, _ = ring.generate()
    shutil.copy(ring.path / f"{active.kid_sha256}.json", ring.path / f"{'0' * 64}.json")
    assert len(ring.open().public_keys()) == 2
    assert "must not be renamed or copied" in caplog.text


def test_keys_of_a_directory_that_vanishes_are_unknown_after_the_bound(
    ring: Ring, caplog: pytest.LogCaptureFixture
) -> None:
    active, _ = ring.generate()
    worker = ring.open()
    moved = ring.path.rename(ring.path.with_name("elsewhere"))
    ring.clock.advance(BOUND * 0.9)
    assert worker.signing_key("jitsi", "EdDSA").kid == active.kid
    assert "the directory is gone. In two seconds no key is used any more" in caplog.text
    assert len(worker.public_keys()) == 2
    ring.clock.advance(BOUND * 0.1)
    look_ups: list[Callable[[], object]] = [
        lambda: worker.signing_key("jitsi", "EdDSA"),
        lambda: worker.by_kid(active.kid),
        lambda: worker.by_kid_sha256(active.kid_sha256, "jitsi"),
        lambda: worker.secrets("jitsi", b"purpose"),
        lambda: worker.derived(b"purpose"),
        worker.jwks,
    ]
    for look_up in look_ups:
        with pytest.raises(KeysUnknownError, match="has not been read for 2 s"):
            look_up()
    moved.rename(ring.path)
    assert worker.signing_key("jitsi", "EdDSA").kid == active.kid
    assert "can be read again" in caplog.text
    assert worker.by_kid(ring.generate(use="oidc")[0].kid) is not None


def test_a_directory_that_is_none_keeps_nobody_from_starting(
    tmp_path: Path, ring: Ring, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    worker = KeyRing(tmp_path / "file", ring.clock, retention=1)
    assert worker.public_keys() == ()
    assert "Not a directory" in caplog.text


def test_only_what_one_moment_had_is_taken(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation between the reading of two files must not show a ring without an active key."""
    active, following = ring.generate()
    worker = ring.open()
    new = ring.generate(use="oidc")[0]
    real = files.read
    calls: list[Path] = []

    def rotates_meanwhile(path: Path) -> files.KeyFile:
        record = real(path)
        if not calls:
            calls.append(path)
            monkeypatch.setattr(files, "read", real)
            ring.rotate()
        return record

    monkeypatch.setattr(files, "read", rotates_meanwhile)
    os.utime(ring.path / f"{active.kid_sha256}.json")
    os.utime(ring.path / f"{following.kid_sha256}.json")
    assert worker.by_kid(new.kid) is not None
    assert calls
    assert worker.signing_key("jitsi", "EdDSA").kid == following.kid
    assert {str(k.state) for k in worker.public_keys("jitsi")} == {"active", "next", "retired"}


def test_a_directory_that_never_rests_is_left_alone(
    ring: Ring, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    active, _ = ring.generate()
    worker = ring.open()
    real = files.scan
    calls: list[Path] = []

    def restless(directory: Path) -> dict[str, files.Stamp]:
        calls.append(directory)
        return {**real(directory), f"{len(calls):064x}.json": files.Stamp(len(calls), 0, 0)}

    monkeypatch.setattr(files, "scan", restless)
    assert worker.by_kid("junk") is None
    assert len(calls) == 2 * loader.ATTEMPTS
    assert worker.signing_key("jitsi", "EdDSA").kid == active.kid
    assert "keeps changing" in caplog.text


def test_a_key_file_that_others_can_read_is_warned_about(
    ring: Ring, caplog: pytest.LogCaptureFixture
) -> None:
    active, _ = ring.generate()
    with caplog.at_level(logging.WARNING):
        assert len(ring.open().public_keys()) == 2
        assert caplog.text == ""
        path = ring.path / f"{active.kid_sha256}.json"
        path.chmod(0o644)
        assert len(ring.open().public_keys()) == 2
    assert f"chmod 600 {path}" in caplog.text


def test_two_active_keys_of_a_killed_rotation_are_put_right(ring: Ring) -> None:
    active, following = ring.generate()
    ring.clock.advance(1)
    record = files.read(ring.path / f"{following.kid_sha256}.json")
    files.write(
        ring.path, record.model_copy(update={"state": KeyState.ACTIVE, "activated": ring.clock.now()})
    )
    assert ring.open().signing_key("jitsi", "EdDSA").kid == following.kid
    ring.generate()
    assert (ring.states()[active.kid], ring.states()[following.kid]) == ("retired", "active")
