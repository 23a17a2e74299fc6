"""Several processes and threads at the same keys."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import jwt
import pytest

from issuer.keys import KeyRing, generate
from issuer.world import SystemClock

ROTATE = """
import sys
from pathlib import Path
from issuer.keys import rotate
from issuer.world import SystemClock
for _ in range(2):
    rotate(Path(sys.argv[1]), clock=SystemClock(), retention=400.0)
"""


class Verifier:
    """What Prosody does: fetch the key of a kid from any worker, and check the token."""

    def __init__(self, rings: list[KeyRing], algorithm: str) -> None:
        self.rings = rings
        self.algorithm = algorithm
        self.kids: set[str] = set()
        self.tokens = 0

    def verify(self, token: str) -> None:
        kid = jwt.get_unverified_header(token)["kid"]
        for ring in self.rings:
            key = ring.by_kid(kid)
            assert key is not None, f"{kid} is not published"
            jwt.decode(token, jwt.PyJWK.from_dict(key.jwk, self.algorithm), [self.algorithm])
        self.kids.add(kid)
        self.tokens += 1


@pytest.mark.server
@pytest.mark.parametrize(("kind", "algorithm"), [("rsa-2048", "RS256"), ("ed25519", "EdDSA")])
def test_tokens_verify_while_another_process_rotates_twice(tmp_path: Path, kind: str, algorithm: str) -> None:
    clock = SystemClock()
    generate(tmp_path, use="jitsi", kind=kind, clock=clock, retention=400.0)
    rings = [KeyRing(tmp_path, clock, retention=400.0) for _ in range(2)]
    verifier = Verifier(rings, algorithm)
    done = threading.Event()
    failures: list[BaseException] = []

    def work(ring: KeyRing) -> None:
        try:
            while not done.is_set():
                key = ring.signing_key("jitsi", algorithm)
                verifier.verify(jwt.encode({"room": "x"}, key.private, algorithm, {"kid": key.kid}))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(ring,)) for ring in rings * 2]
    for thread in threads:
        thread.start()
    subprocess.run([sys.executable, "-c", ROTATE, str(tmp_path)], check=True)
    active = KeyRing(tmp_path, clock, retention=400.0).signing_key("jitsi", algorithm).kid
    deadline = time.monotonic() + 10
    while active not in verifier.kids and not failures and time.monotonic() < deadline:
        done.wait(0.05)
    done.set()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert active in verifier.kids
    assert len(verifier.kids) >= 2
    assert verifier.tokens > 20
