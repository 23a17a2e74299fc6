"""A token is in the answer, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from issuer.metrics import PrometheusMetrics
from issuer.store import Issuances
from issuer.testing import open_gateway
from tests.bearer.tokens import jwk, key_set, rsa_key, token
from tests.core.house import Told
from tests.modules.livekit.people.asking import ALICE, BODY, IDENTITY_SECRET, PATH, Stage, section
from tests.modules.livekit.sfu import SECRET
from tests.upstream.fixtures import BuildStub

IDP = "https://idp.example.com/"


@pytest.fixture
def told() -> Iterator[Told]:
    with Told() as everything:
        yield everything


def bearer(key: str = "idp", **changes: Any) -> str:
    return token(rsa_key(key), **{"iss": IDP, "sub": "alice", **changes})


def test_the_token_is_nowhere_else(
    build_stub: BuildStub, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token text is in no log, table or error (a test searches all of them after a run)."""
    stub = build_stub(lambda _: key_set(jwk(rsa_key("idp"), "one")))
    trusted = {"issuer": IDP, "jwks_url": f"http://127.0.0.1:{stub.port}/keys"}
    rooms = [{"match": "closed*", "rule": "deny"}]
    people = {"trusted_issuers": [trusted], "rooms": rooms, "per_device": True}
    metrics = PrometheusMetrics()
    gateway = open_gateway(tmp_path, {"modules": {"livekit": section(people)}}, metrics=metrics)
    stage = Stage(gateway)
    bearers = [bearer(), bearer(aud="other"), bearer("mallory"), bearer(exp=1), bearer(iss="https://evil/")]

    given = [stage.ask(), stage.ask({"roomId": "other"}), stage.ask(bearer=bearers[0])]
    issued = [answer.get_json()["token"] for answer in given]
    errors = [stage.ask(bearer=text) for text in bearers[1:]]
    errors += [stage.ask({"roomId": text}) for text in (issued[0], "closed")]
    errors += [stage.ask({**BODY, issued[0]: issued[0]}), stage.ask(issued[0].encode())]
    errors += [stage.ask(bearer=issued[0]), stage.ask(identity=None), stage.ask(Origin=issued[0])]
    errors += [gateway.client().post(f"{PATH}?access_token={bearers[0]}")]
    made: list[str] = []

    def fail(_: Issuances, row: Any) -> None:
        made.append(row.token_id)
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(Issuances, "record", fail)
    errors += [stage.ask(), stage.ask(bearer=bearers[0])]
    gateway.close()

    assert len(made) == 2
    assert {answer.status_code for answer in errors} == {400, 403, 500}
    tables = b"".join(file.read_bytes() for file in (tmp_path / "data").glob("issuer.db*"))
    assert ALICE.subject.encode() in tables
    assert told.text.count("token_issued") >= 3
    places = [told.text, tables.decode("latin-1"), generate_latest(metrics.registry).decode()]
    places += [f"{answer.text}{answer.headers}" for answer in errors]
    signatures = [text.rpartition(".")[2] for text in (*issued, *bearers)]
    for secret in (*signatures, "eyJ", SECRET, IDENTITY_SECRET):
        assert [place[:200] for place in places if secret in place] == []
