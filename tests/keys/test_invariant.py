"""Invariant 4: a `kid` never names two keys; a key that signed an unexpired token is still published."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from issuer.keys import RETENTION_MARGIN, KeyRing, KeyRingError, admin, material
from issuer.keys.model import PublicKey
from tests.fakes import FakeClock

LONGEST = 300.0
RETENTION = LONGEST + RETENTION_MARGIN
USES = st.sampled_from(["jitsi", "oidc"])
KINDS = st.sampled_from(["ed25519", "p-256"])
ALGORITHMS = {"ed25519": "EdDSA", "p-256": "ES256"}


class KeysInUse(RuleBasedStateMachine):
    """Two workers sign; commands change the keys; time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.clock = FakeClock()
        self.workers = [KeyRing(self.path, self.clock, retention=RETENTION) for _ in range(2)]
        self.tokens: list[tuple[str, bytes, float]] = []
        self.named: dict[str, bytes] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.path)

    def see(self, keys: tuple[PublicKey, ...]) -> None:
        for key in keys:
            assert self.named.setdefault(key.kid, key.pem) == key.pem

    @rule(worker=st.integers(0, 1), use=USES, kind=KINDS, lifetime=st.floats(1, LONGEST))
    def sign(self, worker: int, use: str, kind: str, lifetime: float) -> None:
        try:
            key = self.workers[worker].signing_key(use, ALGORITHMS[kind])
        except KeyRingError:
            return
        assert key.public.use == use
        self.tokens.append((key.kid, key.public.pem, self.clock.now() + lifetime))

    @rule(use=USES, kind=KINDS)
    def generate(self, use: str, kind: str) -> None:
        self.command("generate", use=use, kind=kind)

    @rule(use=USES, kid=st.sampled_from(["k1", "k2"]), kind=KINDS)
    def import_key(self, use: str, kid: str, kind: str) -> None:
        data = material.private_pem(material.generate_private(kind)).encode()
        self.command("import_key", data, use=use, kid=kid)

    @rule(use=USES | st.none())
    def rotate(self, use: str | None) -> None:
        self.command("rotate", use=use)

    @rule(data=st.data(), even_if_last=st.booleans())
    def retire(self, data: st.DataObject, even_if_last: bool) -> None:
        kids = [record.kid for record in admin.list_keys(self.path)]
        if kids:
            self.command("retire", data.draw(st.sampled_from(kids)), even_if_last=even_if_last)

    @rule(seconds=st.sampled_from([0.1, 0.9, 5.0, 60.0, 300.0, 371.0]) | st.floats(0, 500))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def command(self, name: str, *args: object, **options: object) -> None:
        try:
            getattr(admin, name)(self.path, *args, **options, clock=self.clock, retention=RETENTION)
        except KeyRingError as error:
            assert str(error)  # noqa: PT017 - a refusal is fine, a broken promise is not

    @invariant()
    def keys_of_live_tokens_are_published(self) -> None:
        self.tokens = [token for token in self.tokens if token[2] > self.clock.now()]
        for worker in self.workers:
            for kid, pem, _ in self.tokens:
                key = worker.by_kid(kid)
                assert key is not None
                assert key.pem == pem

    @invariant()
    def a_kid_names_one_key(self) -> None:
        for worker in self.workers:
            self.see(worker.public_keys())


KeysInUse.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
TestKeysInUse = KeysInUse.TestCase
