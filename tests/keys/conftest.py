from dataclasses import dataclass
from pathlib import Path

import pytest

from issuer.keys import KeyRing, PublicKey, Rotation, admin, material
from issuer.keys.model import PrivateKey
from tests.fakes import FakeClock

RETENTION = 400.0


@dataclass
class Ring:
    """A key directory, with the commands that change it and the rings that look at it."""

    path: Path
    clock: FakeClock

    def open(self) -> KeyRing:
        return KeyRing(self.path, self.clock, retention=RETENTION)

    def generate(self, kind: str = "ed25519", use: str = "jitsi") -> tuple[PublicKey, ...]:
        return admin.generate(self.path, use=use, kind=kind, clock=self.clock, retention=RETENTION)

    def add(self, data: bytes, use: str = "jitsi", kid: str | None = None) -> tuple[PublicKey, ...]:
        return admin.import_key(self.path, data, use=use, kid=kid, clock=self.clock, retention=RETENTION)

    def rotate(self, use: str | None = None) -> tuple[Rotation, ...]:
        return admin.rotate(self.path, use=use, clock=self.clock, retention=RETENTION)

    def retire(self, kid: str, even_if_last: bool = False, compromised: bool = False) -> None:
        admin.retire(
            self.path,
            kid,
            even_if_last=even_if_last,
            compromised=compromised,
            clock=self.clock,
            retention=RETENTION,
        )

    def states(self) -> dict[str, str]:
        return {record.kid: str(record.state) for record in admin.list_keys(self.path)}


@pytest.fixture
def ring(tmp_path: Path) -> Ring:
    return Ring(tmp_path / "keys", FakeClock())


@pytest.fixture(scope="session")
def rsa_key() -> PrivateKey:
    return material.generate_private("rsa-2048")


@pytest.fixture(scope="session")
def rsa_pem(rsa_key: PrivateKey) -> bytes:
    return material.private_pem(rsa_key).encode()
