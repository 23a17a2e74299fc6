"""Invariant 4: a `kid` never names two keys; a key that signed an unexpired token is still published."""

import itertools
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from issuer.keys import RETENTION_MARGIN, KeyRing, KeyRingError, admin, material
from issuer.keys.model import PublicKey
from tests.fakes import FakeClock

LONGEST = 300.0
RETENTION = LONGEST + RETENTION_MARGIN
USES = ("jitsi", "oidc")
KINDS = ("ed25519", "p-256")
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

    @initialize()
    def first_key(self) -> None:
        self.command("generate", use="jitsi", kind="ed25519")

    def see(self, keys: tuple[PublicKey, ...]) -> None:
        for key in keys:
            assert self.named.setdefault(key.kid, key.pem) == key.pem

    @rule(worker=st.integers(0, 1), lifetime=st.sampled_from([LONGEST, 60.0]))
    def sign(self, worker: int, lifetime: float) -> None:
        for use, kind in itertools.product(USES, KINDS):
            try:
                key = self.workers[worker].signing_key(use, ALGORITHMS[kind])
            except KeyRingError:
                continue
            assert key.public.use == use
            self.tokens.append((key.kid, key.public.pem, self.clock.now() + lifetime))

    @rule(use=st.sampled_from(USES), kind=st.sampled_from(KINDS))
    def generate(self, use: str, kind: str) -> None:
        self.command("generate", use=use, kind=kind)

    @rule(use=st.sampled_from(USES), kid=st.sampled_from(["k1", "k2"]), kind=st.sampled_from(KINDS))
    def import_key(self, use: str, kid: str, kind: str) -> None:
        data = material.private_pem(material.generate_private(kind)).encode()
        self.command("import_key", data, use=use, kid=kid)

    @rule(use=st.sampled_from(USES) | st.none())
    def rotate(self, use: str | None) -> None:
        self.command("rotate", use=use)

    @rule(data=st.data(), even_if_last=st.booleans())
    def retire(self, data: st.DataObject, even_if_last: bool) -> None:
        kids = [record.kid for record in admin.list_keys(self.path)]
        if kids:
            self.command("retire", data.draw(st.sampled_from(kids)), even_if_last=even_if_last)

    @rule(seconds=st.sampled_from([0.1, 0.9, 59.0, 250.0, 299.0, 371.0]))
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


KeysInUse.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestKeysInUse = KeysInUse.TestCase
