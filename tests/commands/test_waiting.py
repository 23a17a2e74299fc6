"""Commands are no requests: they have more time."""

import sqlite3
from pathlib import Path

from issuer.cli import LONGEST_WAIT, Shell


def test_a_command_waits_longer_for_the_database_than_a_request(tmp_path: Path) -> None:
    file = tmp_path / "issuer.toml"
    file.write_text('public_url = "http://127.0.0.1:8080/"\n')
    store = Shell(str(file), {}).parts.store

    def busy_timeout(cursor: sqlite3.Cursor) -> int:
        return int(cursor.execute("PRAGMA busy_timeout").fetchone()[0])

    assert store.database.transact(busy_timeout) == LONGEST_WAIT * 1000
    store.close()
