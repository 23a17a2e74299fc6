"""Tokens of ring keys, judged by others: joserfc, and the openssl command."""

import base64
import subprocess
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwt as other
from joserfc.jwk import KeySet

from issuer.keys import PublicKey
from tests.keys.conftest import Ring

KINDS = {"RS256": "rsa-2048", "RS384": "rsa-2048", "RS512": "rsa-2048", "ES256": "p-256", "EdDSA": "ed25519"}


def openssl_verifies(folder: Path, token: str, key: PublicKey, algorithm: str) -> bool:
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    if algorithm == "ES256":  # RFC 7518 §3.4: r and s, 32 octets each; openssl wants them in DER
        raw = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    for name, content in (("pem", key.pem), ("signature", raw), ("signed", signed.encode())):
        (folder / name).write_bytes(content)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "pem", "-sigfile", "signature", "-rawin"]
    if algorithm != "EdDSA":
        command += ["-digest", f"sha{algorithm[2:]}"]
    done = subprocess.run([*command, "-in", "signed"], cwd=folder, check=False, capture_output=True)
    return done.returncode == 0


# joserfc warns of the name that RFC 8037 §3.1 gives; RFC 9864 has another one, which few know yet.
@pytest.mark.server
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("algorithm", KINDS)
def test_tokens_verify_elsewhere(ring: Ring, tmp_path: Path, algorithm: str) -> None:
    """A token of each algorithm verifies with a second implementation (joserfc) and, for the served PEM, with the openssl command."""  # noqa: E501 - the line as it stands
    ring.generate(KINDS[algorithm])
    worker = ring.open()
    key = worker.signing_key("jitsi", algorithm)
    token = jwt.encode({"sub": "dwho"}, key.private, algorithm, {"kid": key.kid})

    known = KeySet.import_key_set(worker.jwks())  # type: ignore[arg-type]
    assert other.decode(token, known, algorithms=[algorithm]).claims == {"sub": "dwho"}
    with pytest.raises(Exception, match="bad_signature"):
        other.decode(
            token[:-8] + ("AAAAAAAA" if token[-8:] != "AAAAAAAA" else "BBBBBBBB"), known, [algorithm]
        )

    served = worker.by_kid(key.kid)
    assert served is not None
    assert served.pem.startswith(b"-----BEGIN PUBLIC KEY-----\n")
    assert openssl_verifies(tmp_path, token, served, algorithm)
    assert not openssl_verifies(tmp_path, token.replace(".", ".e", 1), served, algorithm)


def test_the_kid_is_the_thumbprint_that_joserfc_computes(ring: Ring) -> None:
    for kind in sorted(set(KINDS.values())):
        ring.generate(kind)
    for key in KeySet.import_key_set(ring.open().jwks()).keys:  # type: ignore[arg-type]
        assert key.kid == key.thumbprint()
