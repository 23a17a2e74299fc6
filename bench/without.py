"""Runs the `issuer` command with one of the things that exist for speed alone switched off.

python -m bench.without leader-followers --config issuer.toml serve
"""

import json
import sys
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from flask import Flask, Request, Response

from issuer import cli, jsontext
from issuer.serving import dispatch, leader_followers
from issuer.store.fast import connections, group_commit
from issuer.store.fast.connections import BEGIN_WRITING
from issuer.web import application


class EveryThread:
    """Every request thread takes jobs, as a plain pool does."""

    def __init__(self, _loop: object, _threads: int) -> None:
        self._jobs: SimpleQueue[leader_followers.Job] = SimpleQueue()

    def __len__(self) -> int:
        return self._jobs.qsize()

    def put(self, job: leader_followers.Job) -> None:
        self._jobs.put(job)

    def put_last(self, job: leader_followers.Job, _term: int) -> None:
        self._jobs.put(job)

    def wait(self) -> int:
        return 0

    def take(self, _term: int) -> leader_followers.Job | None:
        return self._jobs.get()

    def promote(self, _term: int) -> None:
        """Nobody leads."""


class Returned(list[Any]):
    """Gives every connection back to the engine's pool at once."""

    def append(self, connection: Any) -> None:
        connection.close()

    def pop(self, *_: Any) -> Any:
        raise IndexError


def no_leader() -> None:
    dispatch.LeaderFollowers = EveryThread  # type: ignore[assignment, misc]


def no_deferral() -> None:
    dispatch.DeferredResponse = lambda: None  # type: ignore[assignment, misc]


def no_group() -> None:
    whole: Callable[..., None] = group_commit.GroupCommit._commit

    def one_by_one(group: group_commit.GroupCommit, batch: Any) -> None:
        for entry in batch:
            whole(group, [entry])

    group_commit.GroupCommit._commit = one_by_one  # type: ignore[method-assign]


def no_kept_connections() -> None:
    made = connections.RawConnections.__init__

    def make(kept: connections.RawConnections, *parts: Any) -> None:
        made(kept, *parts)
        kept._idle = Returned()  # type: ignore[assignment]

    connections.RawConnections.__init__ = make  # type: ignore[method-assign]


def no_write_lock() -> None:
    connections.WriteLock.__enter__ = lambda _: None  # type: ignore[method-assign]
    connections.WriteLock.__exit__ = lambda *_: None  # type: ignore[method-assign]
    connections.WriteLock.begin = lambda _, cursor: cursor.execute(BEGIN_WRITING)  # type: ignore[method-assign]


def no_prepared_response() -> None:
    application.PreparedResponse.__call__ = Response.__call__  # type: ignore[method-assign]


def no_fast_json() -> None:
    jsontext.dump = lambda value, default=None: jsontext._plain(value, default)
    jsontext.load = json.loads


def no_short_cuts() -> None:
    """Let Flask do per request what it does by itself."""
    names = ("ensure_sync", "do_teardown_request", "process_response", "preprocess_request")
    for name in (*names, "session_interface", "create_url_adapter"):
        setattr(application.Application, name, getattr(Flask, name))
    application.BufferedRequest.stream = Request.stream  # type: ignore[method-assign, assignment]


TRICKS: dict[str, Callable[[], None]] = {
    "leader-followers": no_leader,
    "deferred-answers": no_deferral,
    "group-commit": no_group,
    "kept-connections": no_kept_connections,
    "write-lock": no_write_lock,
    "prepared-response": no_prepared_response,
    "fast-json": no_fast_json,
    "flask-short-cuts": no_short_cuts,
}


def main() -> None:
    TRICKS[sys.argv[1]]()
    sys.argv[1:2] = []
    cli.main()


if __name__ == "__main__":
    main()
