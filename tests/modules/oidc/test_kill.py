"""Exchanges while workers are killed."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest
import requests
from sqlalchemy import func, insert, select

from issuer.backends.local import identity_of
from issuer.store.database import digest
from modules.oidc.store.grants import Details, Grant, values_of
from modules.oidc.store.tables import grants, refresh_tokens
from tests.modules.oidc.provider import CHALLENGE, REDIRECT, SECRET, VERIFIER, claims_of
from tests.postgresql import DATABASES, PostgreSQL
from tests.service import PATIENCE, Service, client, wait_for

EACH = 75
"""Codes, and refresh tokens."""
KINDS = {"code": "authorization_code", "refresh_token": "refresh_token"}
CONFIGURATION = f"""\
public_url = "http://127.0.0.1:{{port}}/"

[server]
bind = "127.0.0.1:{{port}}"
workers = 2

[store]
url = "{{store}}"

[backends.local]

[modules.oidc.clients.wiki]
secret = "{SECRET}"
redirect_uris = ["{REDIRECT}"]
refresh_token_rotation = true
refresh_token_grace = "0"
"""


@pytest.fixture(params=DATABASES)
def service(tmp_path: Path, request: pytest.FixtureRequest, programs: None) -> Iterator[Service]:
    url = f"sqlite:///{tmp_path}/issuer.db"
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        url = server.url(server.create_database())
    service = Service(tmp_path, CONFIGURATION.replace("{store}", url), key_use="oidc")
    service.shell.parts.store.migrate()
    lay_out(service)
    service.start()
    yield service
    service.stop()
    service.shell.parts.store.close()


def lay_out(service: Service) -> None:
    """Make codes, as the authorization endpoint would, and refresh tokens."""
    service.add_users("dwho")
    user = service.shell.parts.store.users.by_uid("dwho")
    assert user
    now, rows, tokens = service.shell.clock.now(), [], []
    for kind, number in product(KINDS, range(EACH)):
        grant = Grant(
            id=f"{kind}-{number}",
            instance="oidc",
            client_id="wiki",
            identity=identity_of(user),
            auth_time=now,
            scope=("openid",),
            created_at=now,
            expires_at=now + 86400,
            details=Details(redirect_uri=REDIRECT, challenge=CHALLENGE),
            code_expires_at=now + 3600,
        )
        hashed = digest(f"oidc {grant.id}")
        rows.append(values_of(grant) | {"code_hash": hashed if kind == "code" else None})
        if kind == "refresh_token":
            tokens.append({"token_hash": hashed, "grant_id": grant.id, "expires_at": now + 86400})
    with service.shell.parts.store.database.write() as connection:
        connection.execute(insert(grants), rows)
        connection.execute(insert(refresh_tokens), tokens)


def exchange(service: Service, session: requests.Session, kind: str, number: int) -> requests.Response | None:
    """Exchange a code or a refresh token; None when the server died over it."""
    form = {
        "grant_type": KINDS[kind],
        "client_id": "wiki",
        "client_secret": SECRET,
        kind: f"{kind}-{number}",
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    try:
        return session.post(f"{service.url}/oidc/token", data=form, timeout=30)
    except requests.RequestException:
        return None


def test_whatever_was_answered_before_sigkill_is_on_record_and_nothing_counts_twice(service: Service) -> None:
    """What was answered "yes" survives `kill -9` of any process: a code and its tokens are one commit."""
    answers: list[tuple[str, requests.Response]] = []
    gate = threading.Barrier(2)

    def run(_: int) -> None:
        with client() as session:
            for number, kind in product(range(EACH), KINDS):
                gate.wait(PATIENCE)  # both want the same one
                answer = exchange(service, session, kind, number)
                if answer is not None:
                    answers.append((f"{kind}-{number}", answer))

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(run, number) for number in range(2)]
        for share in (1, 2):
            wait_for(lambda share=share: len(answers) > share * EACH, "answers")  # type: ignore[misc]
            service.workers()[0].kill()
        for future in done:
            future.result()
    judge(service, [(name, answer.json()) for name, answer in answers if answer.status_code == 200])
    assert {answer.status_code for _, answer in answers} == {200, 400}


def judge(service: Service, good: list[tuple[str, dict[str, str]]]) -> None:
    store = service.shell.parts.store
    names = [name for name, _ in good]
    assert len(names) > EACH
    assert len(set(names)) == len(names)
    tokens = [body[name] for _, body in good for name in ("access_token", "id_token")]
    assert all(store.issuances.by_token_id(claims_of(token)["jti"]) for token in tokens)
    with store.database.read() as connection:
        codes = select(grants.c.id).where(grants.c.code_used_at.is_not(None))
        tokens_used = select(refresh_tokens.c.grant_id).where(refresh_tokens.c.used_at.is_not(None))
        spent = {*connection.scalars(codes), *connection.scalars(tokens_used)}
        following = connection.scalar(select(func.count()).select_from(refresh_tokens)) or 0
    assert set(names) <= spent
    assert (following - EACH, len(store.issuances.search(limit=10_000))) == (len(spent), 2 * len(spent))
