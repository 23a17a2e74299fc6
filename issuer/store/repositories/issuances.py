"""Issuances: one row for every token that was given out, never the token itself."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict, Unpack

from sqlalchemy import ColumnElement, and_, func, insert, literal, select, tuple_

from issuer.identity import Identity
from issuer.store.database import Database
from issuer.store.errors import SpentError, StoreError, UnknownCommitError
from issuer.store.fast.commits import LostCommitError
from issuer.store.fast.connections import Statement
from issuer.store.fast.group_commit import Done, GroupCommit, Redemption
from issuer.store.tables import issuances


class IssuanceRow(NamedTuple):
    """A token that was given out, with the columns in the table's order; `token_id` is its `jti`."""

    token_id: str
    issued_at: float
    expires_at: float
    instance: str
    module: str
    backend: str
    subject: str
    uid: str
    room: str | None = None
    tenant: str | None = None
    scene: str | None = None
    event: str | None = None
    identity: str | None = None
    kid: str | None = None
    address: str | None = None


class Filter(TypedDict, total=False):
    """What issuances are looked for by; None is no filter."""

    backend: str | None
    subject: str | None
    uid: str | None
    instance: str | None
    module: str | None
    room: str | None
    tenant: str | None
    scene: str | None
    event: str | None
    identity: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class RoomUse:
    """A room for which somebody got tokens, and when the last one was."""

    instance: str
    tenant: str | None
    room: str
    last: float


class _Unit(NamedTuple):
    """What is committed together."""

    rows: Sequence[IssuanceRow]
    change: Redemption | None


_log = logging.getLogger(__name__)

Listener = Callable[[Sequence[IssuanceRow]], None]

PART = 500
"""Rows that are read at once."""


class Issuances:
    """The issuances of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = Statement(insert(issuances), database.engine.dialect)
        self._as_it_is = self._insert.order == IssuanceRow._fields
        self._group = GroupCommit(self._write, self._tell)
        self._listener: Listener = _nobody
        self._in_doubt: list[tuple[LostCommitError, Sequence[_Unit]]] = []
        """What was written, if it was: nobody could say."""

    def listen(self, listener: Listener) -> None:
        """Let `listener` hear of all that is recorded, before those who wait for it."""
        self._listener = listener

    def record(self, *issuances: IssuanceRow, change: Redemption | None = None) -> None:
        """Record what one answer gives out, with what else it changes; committed when this returns.

        Raises:
            DuplicateError: a token with one of these ids is recorded already.
            SpentError: the change spends what somebody else has spent; nothing is recorded.
        """
        self._group.submit(_Unit(issuances, change))

    def record_later(self, issuances: Sequence[IssuanceRow], change: Redemption | None, done: Done) -> None:
        """Return at once; when somebody settles, `done` hears that the same is committed or why not."""
        self._group.later(_Unit(issuances, change), done)

    def settle(self) -> None:
        """Commit what is to be recorded later."""
        self._group.settle()

    def _tell(self, units: Sequence[_Unit]) -> None:
        if rows := [row for unit in units for row in unit.rows]:
            self._listener(rows)

    def _write(self, units: Sequence[_Unit]) -> Mapping[int, Exception]:
        spent: Mapping[int, Exception] = {}

        def put(cursor: Any) -> Mapping[int, Exception]:
            nonlocal spent
            spent = self._put(cursor, units)
            return spent

        try:
            with self._database.turn:
                self._database.kept.transact(put)
        except UnknownCommitError as error:
            if isinstance(error.lost, LostCommitError):
                written = [unit for place, unit in enumerate(units) if place not in spent]
                self._in_doubt.append((error.lost, written))
            raise
        if self._in_doubt:
            self._ask_again()
        return spent

    def _ask_again(self) -> None:
        """Let the listener hear of what was written after all, now that the database answers."""
        in_doubt, self._in_doubt = self._in_doubt, []
        for lost, units in in_doubt:
            try:
                happened = self._database.kept.happened(lost)
            except StoreError:
                self._in_doubt.append((lost, units))
            else:
                self._tell_late(units if happened else ())

    def _tell_late(self, units: Sequence[_Unit]) -> None:
        try:
            self._tell(units)
        except Exception:  # the rows of others, which are written, do not depend on it
            _log.exception("tokens in doubt were written, and whoever is told of each failed")

    def _put(self, cursor: Any, units: Sequence[_Unit]) -> Mapping[int, Exception]:
        spent = _make_changes(cursor, units)
        rows = [row for place, unit in enumerate(units) if place not in spent for row in unit.rows]
        if rows:
            cursor.executemany(self._insert.sql, rows if self._as_it_is else self._parameters(rows))
        return spent

    def _parameters(self, rows: Sequence[IssuanceRow]) -> list[Any]:
        return [self._insert.parameters(row._asdict()) for row in rows]

    def by_token_id(self, token_id: str) -> IssuanceRow | None:
        """Return the issuance of a token."""
        found = self._select([issuances.c.token_id == token_id], limit=1)
        return found[0] if found else None

    def search(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        limit: int = 100,
        **equal: Unpack[Filter],
    ) -> list[IssuanceRow]:
        """Return issuances that match every filter given, the newest first; `until` is exclusive."""
        return self._select(_conditions(since, until, equal), limit)

    def each(
        self, *, since: float | None = None, until: float | None = None, **equal: Unpack[Filter]
    ) -> Iterator[IssuanceRow]:
        """Give the same one by one, however many there are; the store is read in small parts."""
        conditions = _conditions(since, until, equal)
        place = tuple_(issuances.c.issued_at, issuances.c.token_id)
        rows = self._select(conditions, PART)
        while rows:
            yield from rows
            last = tuple_(literal(rows[-1].issued_at), literal(rows[-1].token_id))
            rows = self._select([*conditions, place < last], PART)

    def rooms_of(self, identity: Identity, limit: int) -> list[RoomUse]:
        """Return the rooms for which a person got tokens, the latest first."""
        this = issuances.c
        mine = and_(
            this.uid == identity.uid, this.backend == identity.backend, this.subject == identity.subject
        )
        room = (this.instance, this.tenant, this.room)
        last = func.max(this.issued_at).label("last")
        found = select(*room, last).where(mine, this.room.is_not(None)).group_by(*room)
        with self._database.read() as connection:
            return [RoomUse(*row) for row in connection.execute(found.order_by(last.desc()).limit(limit))]

    def _select(self, conditions: list[ColumnElement[bool]], limit: int) -> list[IssuanceRow]:
        latest_first = issuances.c.issued_at.desc(), issuances.c.token_id.desc()
        found = select(issuances).where(*conditions).order_by(*latest_first).limit(limit)
        with self._database.read() as connection:
            return [IssuanceRow(*row) for row in connection.execute(found)]


def _nobody(_issuances: Sequence[IssuanceRow]) -> None:
    pass


def _make_changes(cursor: Any, units: Sequence[_Unit]) -> Mapping[int, Exception]:
    """Return, by their places, the units that came too late."""
    changes = [(unit.change, place) for place, unit in enumerate(units) if unit.change]
    changes.sort(key=lambda entry: entry[0].key)
    return {place: SpentError() for change, place in changes if not change.make(cursor)}


def _conditions(since: float | None, until: float | None, equal: Filter) -> list[ColumnElement[bool]]:
    conditions = [issuances.c[name] == value for name, value in equal.items() if value is not None]
    if since is not None:
        conditions.append(issuances.c.issued_at >= since)
    if until is not None:
        conditions.append(issuances.c.issued_at < until)
    return conditions
