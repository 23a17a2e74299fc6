"""Exchanges while workers are killed."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from sqlalchemy import func, insert, select

from issuer.identity import Identity
from issuer.store.values import digest
from modules.oidc.store.grant import Details, Grant, values_of
from modules.oidc.store.tables import grants, refresh_tokens
from tests.modules.oidc.provider import CHALLENGE, REDIRECT, SECRET, VERIFIER, claims_of
from tests.service import PATIENCE, Service, client, wait_for

CODES = 150
CONFIGURATION = f"""\
public_url = "http://127.0.0.1:{{port}}/"

[server]
bind = "127.0.0.1:{{port}}"
workers = 2

[backends.local]

[modules.oidc.clients.wiki]
secret = "{SECRET}"
redirect_uris = ["{REDIRECT}"]
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, CONFIGURATION, key_use="oidc")
    lay_codes(service)
    service.start()
    yield service
    service.stop()


def lay_codes(service: Service) -> None:
    """Make codes, as the authorization endpoint would."""
    now, rows = service.shell.clock.now(), []
    for number in range(CODES):
        grant = Grant(
            id=f"g{number}",
            instance="oidc",
            client_id="wiki",
            identity=Identity("local", "1", "dwho"),
            auth_time=now,
            scope=("openid",),
            created_at=now,
            expires_at=now + 86400,
            details=Details(redirect_uri=REDIRECT, challenge=CHALLENGE),
            code_expires_at=now + 3600,
        )
        rows.append(values_of(grant) | {"code_hash": digest(f"oidc code{number}")})
    with service.shell.parts.store.database.write() as connection:
        connection.execute(insert(grants), rows)


def exchange(service: Service, session: requests.Session, number: int) -> requests.Response | None:
    """Exchange a code; None when the server died over it."""
    form = {
        "grant_type": "authorization_code",
        "client_id": "wiki",
        "client_secret": SECRET,
        "code": f"code{number}",
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    try:
        return session.post(f"{service.url}/oidc/token", data=form, timeout=30)
    except requests.RequestException:
        return None


def test_whatever_was_answered_before_sigkill_is_on_record_and_no_code_counts_twice(service: Service) -> None:
    """What was answered "yes" survives `kill -9` of any process: a code and its tokens are one commit."""
    answers: list[tuple[int, requests.Response]] = []
    gate = threading.Barrier(2)

    def run(_: int) -> None:
        with client() as session:
            for number in range(CODES):
                gate.wait(PATIENCE)  # both want the same code
                answer = exchange(service, session, number)
                if answer is not None:
                    answers.append((number, answer))

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(run, number) for number in range(2)]
        for share in (1, 2):
            wait_for(lambda share=share: len(answers) > share * CODES // 2, "answers")  # type: ignore[misc]
            service.workers()[0].kill()
        for future in done:
            future.result()
    judge(service, [(number, answer.json()) for number, answer in answers if answer.status_code == 200])
    assert {answer.status_code for _, answer in answers} == {200, 400}


def judge(service: Service, good: list[tuple[int, dict[str, str]]]) -> None:
    store = service.shell.parts.store
    numbers = [number for number, _ in good]
    assert len(numbers) > CODES // 2
    assert len(set(numbers)) == len(numbers)
    tokens = [body[name] for _, body in good for name in ("access_token", "id_token")]
    assert all(store.issuances.by_token_id(claims_of(token)["jti"]) for token in tokens)
    with store.database.read() as connection:
        used = select(grants.c.id).where(grants.c.code_used_at.is_not(None))
        spent = {row.id for row in connection.execute(used)}
        following = connection.scalar(select(func.count()).select_from(refresh_tokens))
    assert {f"g{number}" for number in numbers} <= spent
    assert (following, len(store.issuances.search(limit=10_000))) == (len(spent), 2 * len(spent))
