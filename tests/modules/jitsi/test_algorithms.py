"""Tokens of every algorithm, verified by implementations that are not ours."""

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.gateway import BuildGateway, LocalGateway
from tests.modules.jitsi.meetings import HS256, RS256, SECRET, faults, instance, token_of

ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512"]


@pytest.mark.server
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_other_implementations_verify_the_token(
    build_gateway: BuildGateway, tmp_path: Path, algorithm: str
) -> None:
    """A token of each algorithm verifies with a second implementation (joserfc) and, for the served PEM,
    with the openssl command."""
    shared = algorithm.startswith("HS")
    data = instance(HS256 if shared else RS256, algorithm=algorithm)
    gateway = build_gateway(data, users={"dwho": ()}, keys=() if shared else ("jitsi",))
    token = token_of(gateway.sign_in("dwho").get("/jitsi/login?room=x"))
    assert faults(gateway, token, "x") == []

    if shared:
        check_with_joserfc(token, OctKey.import_key(SECRET), algorithm)
        return
    pem = served_pem(gateway, token)
    header = check_with_joserfc(token, RSAKey.import_key(pem), algorithm)
    assert header["kid"] == header_kid(token)
    check_with_openssl(token, pem, algorithm, tmp_path)


def check_with_joserfc(token: str, key: OctKey | RSAKey, algorithm: str) -> dict[str, Any]:
    found = jwt.decode(token, key, algorithms=[algorithm])
    assert found.header["alg"] == algorithm
    assert found.header["typ"] == "JWT"
    assert found.claims["room"] == "x"
    return found.header


def header_kid(token: str) -> str:
    """Read the key's name as Prosody does: before anything is verified."""
    header: dict[str, str] = json.loads(decoded(token.partition(".")[0]))
    return header["kid"]


def served_pem(gateway: LocalGateway, token: str) -> bytes:
    name = hashlib.sha256(header_kid(token).encode()).hexdigest()
    answer = gateway.client().get(f"/jitsi/asap/{name}.pem")
    assert answer.status_code == 200
    return bytes(answer.data)


def check_with_openssl(token: str, pem: bytes, algorithm: str, folder: Path) -> None:
    signed, _, signature = token.rpartition(".")
    (folder / "key.pem").write_bytes(pem)
    (folder / "signature").write_bytes(decoded(signature))
    command = ["openssl", "dgst", f"-sha{algorithm[2:]}", "-verify", "key.pem", "-signature", "signature"]
    verified = subprocess.run(command, cwd=folder, input=signed.encode(), capture_output=True, check=False)
    assert (verified.returncode, verified.stdout) == (0, b"Verified OK\n")
    altered = subprocess.run(
        command, cwd=folder, input=signed[:-1].encode(), capture_output=True, check=False
    )
    assert altered.returncode != 0


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
