import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from issuer.store import Store, StoreError
from issuer.store.database import Database
from issuer.store.group_commit import GroupCommit
from tests.fakes import FakeClock
from tests.postgresql import PostgreSQL
from tests.store.samples import at_once, id_hash, issuance, session


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("not a url", "cannot be read"),
        ("mysql://root:hunter2@localhost/x", 'cannot be a "mysql" database'),
        ("sqlite://", "is a file"),
        ("sqlite:///:memory:", "is a file"),
        ("sqlite:////tmp/x.db?mode=ro", "without options"),
        ("postgresql://u:hunter2@localhost:x/x", "cannot be read"),
    ],
)
def test_a_url_that_is_no_store_is_refused_without_its_password(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        Store.open(url, FakeClock())
    assert "hunter2" not in str(caught.value)


def test_sqlite_runs_as_documented(sqlite_url: str, tmp_path: Path, clock: FakeClock) -> None:
    store = Store.open(sqlite_url, clock)
    store.migrate()
    database = Database(sqlite_url)
    with database.read() as connection:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        assert [connection.scalar(text(f"PRAGMA {name}")) for name in names] == ["wal", 1, 1, 10_000]
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == dict.fromkeys(
        ["issuer.db", "issuer.db-wal", "issuer.db-shm"], 0o600
    )
    store.close()
    database.close()


def test_a_path_with_odd_characters_is_a_path(tmp_path: Path, clock: FakeClock) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'a#b c%25 ü.db'}", clock)
    store.migrate()
    store.check()
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a#b c% ü.db"]


def test_an_open_store_has_not_imported_alembic(sqlite_url: str, clock: FakeClock) -> None:
    store = Store.open(sqlite_url, clock)
    store.migrate()
    store.close()
    program = (
        "import sys; from issuer.store import Store; from issuer.world import SystemClock;"
        f"store = Store.open({sqlite_url!r}, SystemClock()); store.migrate(); store.check();"
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_a_cut_connection_is_replaced_unnoticed(
    postgresql: PostgreSQL, postgresql_url: str, clock: FakeClock
) -> None:
    store = Store.open(postgresql_url, clock)
    store.migrate()
    store.sessions.add(session())
    for token_id in ("t1", "t2"):
        assert store.sessions.get(id_hash("one")) == session()
        store.issuances.record(issuance(token_id))
        assert postgresql.cut(postgresql_url.partition("@/")[2].partition("?")[0]) > 0
    store.issuances.record(issuance("t3"))
    store.check()
    assert len(store.issuances.search()) == 3
    store.close()


def test_rows_that_come_during_a_commit_share_the_next_one() -> None:
    batches: list[list[int]] = []
    began, go_on = threading.Event(), threading.Event()

    def write(rows: list[int]) -> None:
        batches.append(sorted(rows))
        began.set()
        assert go_on.wait(10)

    group = GroupCommit(lambda rows: write(list(rows)))
    leader = threading.Thread(target=group.submit, args=[0])
    leader.start()
    assert began.wait(10)
    followers = [threading.Thread(target=group.submit, args=[number]) for number in (1, 2, 3)]
    for thread in followers:
        thread.start()
    while len(group._queue) < 3:
        assert leader.is_alive()
    go_on.set()
    for thread in (leader, *followers):
        thread.join()
    assert batches == [[0], [1, 2, 3]]


def test_when_the_database_fails_everybody_hears_it() -> None:
    def write(rows: object) -> None:
        raise StoreError("disk full")

    errors = at_once(5, GroupCommit(write).submit)
    assert [str(error) for error in errors] == ["disk full"] * 5
    assert len({id(error) for error in errors}) == 5


def test_an_interrupted_write_is_no_success() -> None:
    def write(rows: object) -> None:
        raise SystemExit

    group = GroupCommit(write)
    began = threading.Barrier(2)

    def follow(number: int) -> None:
        began.wait()
        group.submit(number)

    assert None not in at_once(2, follow)
