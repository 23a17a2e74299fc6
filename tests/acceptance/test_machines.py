"""Several machines: two servers share a PostgreSQL database and a key directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.logins import KeyServerClient, Logins
from tests.postgresql import PostgreSQL
from tests.service import CONFIGURATION, Service, wait_for


@pytest.fixture
def machines(tmp_path: Path, postgresql: PostgreSQL, programs: None) -> Iterator[tuple[Service, Service]]:
    database = postgresql.create_database()
    shared = f'\n[store]\nurl = "{postgresql.url(database)}"\n\n[keys]\ndirectory = "{tmp_path}/keys"\n'
    services = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        services.append(Service(tmp_path / name, CONFIGURATION + shared))
    services[0].add_users("dwho")
    for service in services:
        service.start()
    yield services[0], services[1]
    for service in services:
        service.stop()
        service.shell.parts.store.close()
    postgresql.drop_database(database)


def test_machines_share_sessions_keys_and_issuances(machines: tuple[Service, Service]) -> None:
    one, two = machines
    cookie = one.sign_in("dwho").cookies["issuer_session"]
    logins = Logins(two, [cookie])
    logins.start()
    wait_for(lambda: len(logins.tokens) >= 3 or bool(logins.failures), "logins on the other machine")
    logins.stop()
    assert logins.failures == []
    for token in logins.tokens:
        KeyServerClient(one).verify(token)
    assert len(one.shell.parts.store.issuances.search(uid="dwho")) == len(logins.tokens)
    two.run("user", "remove", "dwho")
    ended = Logins(one, [cookie])
    ended.start()
    wait_for(lambda: bool(ended.failures or ended.tokens), "an answer")
    ended.stop()
    assert ended.tokens == []
