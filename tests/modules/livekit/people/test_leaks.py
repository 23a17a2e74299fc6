"""A token is in the answer, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from prometheus_client import generate_latest
from werkzeug.test import TestResponse

from issuer.observability.metrics import PrometheusMetrics
from issuer.runtime import KEY, DeferredResponse
from issuer.store import Issuances, StoreError
from issuer.testing import open_gateway
from tests.bearer.tokens import jwk, key_set, rsa_key, token
from tests.core.house import Told
from tests.deferrals import begun
from tests.modules.livekit.people.asking import ALICE, APP, BODY, IDENTITY_SECRET, PATH, Stage, section
from tests.modules.livekit.sfu import SECRET
from tests.upstream.fixtures import BuildStub

IDP = "https://idp.example.com/"


@pytest.fixture
def told() -> Iterator[Told]:
    with Told() as everything:
        yield everything


def bearer(key: str = "idp", **changes: Any) -> str:
    return token(rsa_key(key), **{"iss": IDP, "sub": "alice", **changes})


def deferred(stage: Stage, bearer: str | None = None) -> tuple[TestResponse, bytes | Exception | None]:
    """Ask as our server does, which lets an answer wait for its record; return what is said of that too."""
    deferred = DeferredResponse()
    headers = {"Origin": APP} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
    client = stage.gateway.sign_in_as(ALICE)
    answer = client.post(PATH, json=BODY, headers=headers, environ_overrides={KEY: deferred})
    return answer, begun(deferred)


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
    waited = [deferred(stage), deferred(stage, bearers[0])]
    given += [answer for answer, error in waited if error is None]
    issued = [answer.get_json()["token"] for answer in given]
    errors = [stage.ask(bearer=text) for text in bearers[1:]]
    errors += [stage.ask({"roomId": text}) for text in (issued[0], "closed")]
    errors += [stage.ask({**BODY, issued[0]: issued[0]}), stage.ask(issued[0].encode())]
    errors += [stage.ask(bearer=issued[0]), stage.ask(identity=None), stage.ask(Origin=issued[0])]
    errors += [gateway.client().post(f"{PATH}?access_token={bearers[0]}")]
    made: list[str] = []

    def fail(_: Issuances, *rows: Any, **__: Any) -> None:
        made.extend(row.token_id for row in rows)
        raise RuntimeError("nobody expected this")

    unwritten = []
    for error in (StoreError("disk full"), RuntimeError("nobody expected this")):
        monkeypatch.setattr(gateway.parts.store.issuances._group, "_write", Mock(side_effect=error))
        unwritten += [deferred(stage), deferred(stage, bearers[0])]
    issued += [answer.get_json()["token"] for answer, _ in unwritten]
    monkeypatch.setattr(Issuances, "record", fail)
    errors += [stage.ask(), stage.ask(bearer=bearers[0])]
    gateway.close()

    assert (len(made), len(given), len(issued)) == (2, 5, 9)
    assert {type(error) for _, error in unwritten} == {StoreError, RuntimeError}
    assert {answer.status_code for answer in errors} == {400, 403, 500}
    tables = b"".join(file.read_bytes() for file in (tmp_path / "data").glob("issuer.db*"))
    assert ALICE.subject.encode() in tables
    assert told.text.count("token_issued") == 2 * len(given)  # in both forms of the log
    places = [told.text, tables.decode("latin-1"), generate_latest(metrics.registry).decode()]
    places += [f"{answer.text}{answer.headers}" for answer in errors]
    places += [f"{error!s}{error!r}" for _, error in unwritten]
    signatures = [text.rpartition(".")[2] for text in (*issued, *bearers)]
    for secret in (*signatures, "eyJ", SECRET, IDENTITY_SECRET):
        assert [place[:200] for place in places if secret in place] == []
