"""`issuer` on SQLite, of which a process dies at a commit: `python -m tests.faults.dying FOLDER …`.

A file `trap` in the folder says when (before or after), and with which words in the transaction; it strikes
once.
"""

import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import issuer.cli
from issuer.store import engines
from issuer.store.fast.connections import RawConnections

BEFORE, AFTER = "before", "after"


class Traced(sqlite3.Connection):
    """A connection that remembers what its transaction has said."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.said = ""
        self.set_trace_callback(self._hear)

    def _hear(self, statement: str) -> None:
        self.said = statement if statement.startswith("BEGIN") else self.said + statement


def put(folder: Path, when: str, words: str) -> None:
    """Set the trap."""
    ready = folder / "trap.new"
    ready.write_text(f"{when}\n{words}")
    ready.rename(folder / "trap")


def is_taken(folder: Path) -> bool:
    """Tell whether it has struck."""
    return not (folder / "trap").exists()


def _take(folder: Path, said: str) -> str:
    """Return when this process dies: at this transaction, if the trap is for it and nobody else took it."""
    try:
        when, words = (folder / "trap").read_text().split("\n")
        if words not in said:
            return ""
        (folder / "trap").unlink()
    except FileNotFoundError:
        return ""
    return when


def main(folder: Path) -> None:
    """Run a command."""
    connect, commit = sqlite3.connect, RawConnections.commit

    def connect_traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return connect(*arguments, **options, factory=Traced)

    def commit_or_die(self: RawConnections, driver: Any) -> None:
        when = _take(folder, driver.said)
        if when == BEFORE:
            os.kill(os.getpid(), signal.SIGKILL)
        commit(self, driver)
        if when == AFTER:
            os.kill(os.getpid(), signal.SIGKILL)

    engines.sqlite3.connect = connect_traced  # type: ignore[attr-defined]
    RawConnections.commit = commit_or_die  # type: ignore[method-assign]
    issuer.cli.main()


if __name__ == "__main__":
    main(Path(sys.argv.pop(1)))
