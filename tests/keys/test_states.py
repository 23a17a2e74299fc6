"""Every change of state, and what each refuses."""

import pytest

from issuer.keys import KeyRing, KeyRingError, KeyState, list_keys, material, rotate
from tests.keys.conftest import RETENTION, Ring


def pem() -> bytes:
    return material.private_pem(material.generate_private("ed25519")).encode()


def test_the_first_key_signs_at_once_and_has_a_next_one_beside_it(ring: Ring) -> None:
    active, following = ring.generate()
    assert (active.state, following.state) == (KeyState.ACTIVE, KeyState.NEXT)
    assert ring.open().signing_key("jitsi", "EdDSA").kid == active.kid


def test_rotation_uses_the_key_that_was_published_before(ring: Ring) -> None:
    active, following = ring.generate()
    (done,) = ring.rotate()
    assert (done.activated, done.retired) == (following.kid, (active.kid,))
    assert ring.states() == {following.kid: "active", done.next: "next", active.kid: "retired"}
    assert ring.open().signing_key("jitsi", "EdDSA").kid == following.kid


def test_rotation_without_a_next_key_only_publishes_one(ring: Ring) -> None:
    active, following = ring.generate()
    ring.retire(following.kid)
    (done,) = ring.rotate()
    assert (done.activated, done.retired) == (None, ())
    assert ring.states() == {active.kid: "active", done.next: "next", following.kid: "retired"}


def test_rotation_keeps_to_one_use_when_asked(ring: Ring) -> None:
    jitsi, _ = ring.generate(use="jitsi")
    ring.generate(use="oidc")
    ring.generate("p-256", use="oidc")
    assert {(done.use, done.kind) for done in ring.rotate("oidc")} == {("oidc", "ed25519"), ("oidc", "p-256")}
    assert ring.states()[jitsi.kid] == "active"


def test_rotation_of_nothing_says_what_to_run(ring: Ring) -> None:
    with pytest.raises(KeyRingError, match="issuer keys generate"):
        ring.rotate()


def test_a_size_can_be_changed_through_the_next_key(ring: Ring, rsa_pem: bytes) -> None:
    ring.add(rsa_pem)
    waiting = next(kid for kid, state in ring.states().items() if state == "next")
    ring.retire(waiting)
    (bigger,) = ring.generate("rsa-3072")
    (done,) = ring.rotate()
    assert (done.activated, done.kind) == (bigger.kid, "rsa-3072")
    kinds = {record.kid: record.kind for record in list_keys(ring.path)}
    assert kinds[done.next] == "rsa-3072"


def test_a_second_next_key_is_refused(ring: Ring) -> None:
    _, following = ring.generate()
    text = f"retire {following.kid}"
    with pytest.raises(KeyRingError, match=text):
        ring.generate()
    with pytest.raises(KeyRingError, match=text):
        ring.add(pem())


def test_generate_fills_the_place_of_a_retired_next_key(ring: Ring) -> None:
    _, following = ring.generate()
    ring.retire(following.kid)
    (new,) = ring.generate()
    assert new.state is KeyState.NEXT


def test_the_active_key_is_not_retired_by_mistake(ring: Ring) -> None:
    active, following = ring.generate()
    for compromised in (False, True):
        with pytest.raises(KeyRingError, match="issuer keys rotate --use jitsi"):
            ring.retire(active.kid, compromised=compromised)
    ring.retire(active.kid, even_if_last=True)
    with pytest.raises(KeyRingError, match="issuer keys generate --use jitsi --type ed25519"):
        ring.open().signing_key("jitsi", "EdDSA")
    assert ring.rotate()[0].activated == following.kid


def test_retiring_twice_and_retiring_nothing_are_refused(ring: Ring) -> None:
    _, following = ring.generate()
    ring.retire(following.kid)
    with pytest.raises(KeyRingError, match="retired already"):
        ring.retire(following.kid)
    with pytest.raises(KeyRingError, match="no key 'nobody'"):
        ring.retire("nobody")


def test_a_retired_key_stays_published_for_the_retention_and_not_longer(ring: Ring) -> None:
    active, _ = ring.generate()
    ring.rotate()
    worker = ring.open()
    ring.clock.advance(RETENTION - 0.001)
    assert worker.by_kid(active.kid) is not None
    assert worker.by_kid_sha256(active.kid_sha256, "jitsi") is not None
    ring.clock.advance(0.001)
    assert worker.by_kid(active.kid) is None
    assert worker.by_kid_sha256(active.kid_sha256, "jitsi") is None
    assert active.kid not in {key.kid for key in worker.public_keys()}
    assert active.kid not in {key["kid"] for key in worker.jwks()["keys"]}


def test_a_shorter_retention_does_not_unpublish_keys_of_the_longer_one(ring: Ring) -> None:
    active, _ = ring.generate()
    rotate(ring.path, clock=ring.clock, retention=1.0)
    ring.clock.advance(RETENTION - 1)
    rotate(ring.path, clock=ring.clock, retention=1.0)
    assert KeyRing(ring.path, ring.clock, retention=1.0).by_kid(active.kid) is not None


def test_an_expired_key_is_deleted_by_the_next_command_and_its_kid_never_used_again(ring: Ring) -> None:
    data = pem()
    ring.add(data, kid="k1")
    ring.rotate()
    ring.clock.advance(RETENTION)
    assert "k1" in ring.states()
    ring.rotate()
    assert "k1" not in ring.states()
    for again in (data, pem()):
        with pytest.raises(KeyRingError, match="belonged to a key that was removed"):
            ring.add(again, kid="k1")


def test_a_compromised_key_is_gone_at_once_for_good(ring: Ring) -> None:
    active, _ = ring.generate()
    worker = ring.open()
    path = ring.path / f"{active.kid_sha256}.json"
    backup = path.read_bytes()
    ring.rotate()
    ring.retire(active.kid, compromised=True)
    assert not path.exists()
    assert active.kid not in {key.kid for key in worker.public_keys()}
    path.write_bytes(backup)
    ring.rotate()
    assert not path.exists()


def test_a_kid_never_names_two_keys(ring: Ring) -> None:
    data = pem()
    ring.add(data, kid="k1")
    ring.retire(next(kid for kid, state in ring.states().items() if state == "next"))
    with pytest.raises(KeyRingError, match="names another key"):
        ring.add(pem(), use="oidc", kid="k1")
    with pytest.raises(KeyRingError, match="here already: k1"):
        ring.add(data, kid="k1")
    (ring.path / f"{ring.open().public_keys()[0].kid_sha256}.json").write_text("broken")
    with pytest.raises(KeyRingError, match="names another key"):
        ring.add(pem(), use="oidc", kid="k1")


@pytest.mark.parametrize(("kid", "use"), [("a\nb", "jitsi"), ("x" * 257, "jitsi"), ("k", "Jitsi"), ("k", "")])
def test_names_that_cannot_be_are_refused(ring: Ring, kid: str, use: str) -> None:
    with pytest.raises(KeyRingError, match="cannot be a key's name or use"):
        ring.add(pem(), use=use, kid=kid)
    assert ring.states() == {}


def test_two_keys_of_a_use_may_be_active_if_their_types_differ(ring: Ring) -> None:
    (edwards, _), (curve, _) = ring.generate("ed25519"), ring.generate("p-256")
    worker = ring.open()
    assert worker.signing_key("jitsi", "EdDSA").kid == edwards.kid
    assert worker.signing_key("jitsi", "ES256").kid == curve.kid
