"""Portal sessions, under the SHA-256 of their id."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from itertools import count
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, insert, or_, select, update

from issuer.identity import Identity
from issuer.store.database import Database, parts, storable
from issuer.store.errors import OutdatedError
from issuer.store.fast.connections import Statement
from issuer.store.repositories.users import insert_for_user, row_for_user
from issuer.store.tables import sessions
from issuer.world import Clock

LOOKS = 2
"""The least number of looks for sessions to end."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session: whose it is, how long it lasts, and the browser that began it."""

    id_hash: bytes = field(repr=False)
    identity: Identity
    created_at: float
    seen_at: float
    expires_at: float
    """The absolute end."""
    idle_expires_at: float
    """The end unless it is used before."""
    address: str
    user_agent: str
    refreshed_at: float
    """When attributes and groups were read."""
    upstream_sid: str | None = None
    """What the server that signed the person in calls the session."""
    auth_time: float = 0.0
    """When the person signed in, here or at that server; 0 when it does not say."""


class Sessions:
    """The sessions of the store. An expired one is as if it were not there, purged or not."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        by_hash = select(sessions).where(sessions.c.id_hash == bindparam("id_hash"))
        self._get = Statement(by_hash, database.engine.dialect)
        self._insert = database.statement(insert(sessions))
        self._insert_for_user = database.statement(insert_for_user(sessions))
        self.enders: list[Callable[[Sequence[bytes], bytes | None], None]] = []
        """Who ends what hangs on sessions, in the transaction that ends them; they hear the same."""
        self.listeners: list[Callable[[Sequence[bytes], bytes | None], None]] = []
        """Who hears that sessions were ended (not that they expired), by their hashes, and which one takes
        their place."""

    def add(self, row: SessionRow) -> None:
        """Begin a session.

        Raises:
            OutdatedError: it is a local user's, who was disabled or has another password by now.
        """
        if not row.identity.proof:
            self._database.transact(lambda cursor: self._insert.run(cursor, _values(row)))
        elif not self._database.transact(lambda cursor: self._add_for_user(cursor, row)):
            raise OutdatedError("a local user changed while they signed in")

    def _add_for_user(self, cursor: Any, row: SessionRow) -> bool:
        self._insert_for_user.run(cursor, row_for_user(_values(row), row.identity.proof))
        return bool(cursor.rowcount)

    def get(self, id_hash: bytes) -> SessionRow | None:
        """Return the living session with this hash."""
        row = self._database.kept.first(self._get, {"id_hash": id_hash})
        if row is None:
            return None
        session = _session(row)
        now = self._clock.now()
        return session if session.expires_at > now and session.idle_expires_at > now else None

    def hold(self, id_hash: bytes) -> bool:
        """Tell whether a session lives, within a transaction; then nobody ends it before that one ends."""
        now = self._clock.now()
        this = and_(
            sessions.c.id_hash == id_hash, sessions.c.expires_at > now, sessions.c.idle_expires_at > now
        )
        with self._database.write() as connection:
            found = connection.execute(select(sessions.c.id_hash).where(this).with_for_update(read=True))
            return found.first() is not None

    def touch(self, id_hash: bytes, seen_at: float, idle_expires_at: float) -> None:
        """Note that a session was used."""
        values = {"seen_at": seen_at, "idle_expires_at": idle_expires_at}
        self._change(update(sessions).where(sessions.c.id_hash == id_hash).values(values))

    def end(self, id_hash: bytes, successor: bytes | None = None) -> bool:
        """End a session; tell whether there was one. `successor` is the person's new one in its place."""
        return bool(self._end(sessions.c.id_hash == id_hash, successor))

    def end_of(self, backend: str, subject: str) -> int:
        """End every session of a person; return how many there were."""
        return len(self._end(_person(backend, subject)))

    def end_others(self, kept: SessionRow) -> list[SessionRow]:
        """End every session of a person but this one; return them."""
        person = _person(kept.identity.backend, kept.identity.subject)
        return self._end(and_(person, sessions.c.id_hash != kept.id_hash))

    def end_of_uid(self, uid: str) -> list[SessionRow]:
        """End every session of everybody who has this uid; return them."""
        return self._end(sessions.c.uid == uid) if storable(uid) else []

    def _end(self, condition: ColumnElement[bool], successor: bytes | None = None) -> list[SessionRow]:
        """End sessions together with what hangs on them: all of it is committed, or nothing."""
        with self._database.write() as connection:
            heir = successor if successor and _is_there(connection, successor, condition) else None
            ended = _taken_away(connection, condition)
            hashes = [row.id_hash for row in ended]
            for part in parts(hashes):
                for end_with in self.enders:
                    end_with(part, heir)
            if ended:
                self._database.after_commit(lambda: self._tell(hashes, heir))
        return ended

    def _tell(self, ended: Sequence[bytes], successor: bytes | None) -> None:
        for hear in self.listeners:
            hear(ended, successor)

    def end_upstream(self, backend: str, sid: str) -> int:
        """End the sessions that an upstream knows by this name; return how many there were."""
        named = and_(sessions.c.backend == backend, sessions.c.upstream_sid == sid)
        return len(self._end(named)) if storable(sid) else 0

    def outdate(self, backend: str, subject: str) -> int:
        """Let every session of a person be refreshed before it counts again; return how many there are."""
        never = -self._clock.now()  # each time another number: see `refresh`
        return self._change(update(sessions).where(_person(backend, subject)).values(refreshed_at=never))

    def refresh(self, row: SessionRow, was: float) -> bool:
        """Write what was read of a person now, and when; tell whether the session was as old as it `was`.

        If not, something changed after it was read, and the session stays to be refreshed. How strongly the
        person signed in stays as it was.
        """
        stays = {"backend", "subject", "auth_level"}
        values = {name: value for name, value in row.identity.to_row().items() if name not in stays}
        values["refreshed_at"] = row.refreshed_at
        same = and_(sessions.c.id_hash == row.id_hash, sessions.c.refreshed_at == was)
        return self._change(update(sessions).where(same).values(values)) > 0

    def of(self, backend: str, subject: str) -> list[SessionRow]:
        """Return the living sessions of a person, the newest first."""
        return self._living(_person(backend, subject), limit=None)

    def all(self, limit: int = 1000) -> list[SessionRow]:
        """Return living sessions, the newest first."""
        return self._living(sessions.c.id_hash.is_not(None), limit)

    def of_uid(self, uid: str) -> list[SessionRow]:
        """Return the living sessions of everybody who has this uid, the newest first."""
        return self._living(sessions.c.uid == uid, None) if storable(uid) else []

    def beginning_with(self, prefix: bytes) -> list[SessionRow]:
        """Return the living sessions whose hash begins so."""
        last = prefix.ljust(32, b"\xff")
        return self._living(and_(sessions.c.id_hash >= prefix, sessions.c.id_hash <= last), None)

    def _living(self, condition: ColumnElement[bool], limit: int | None) -> list[SessionRow]:
        now = self._clock.now()
        living = and_(condition, sessions.c.expires_at > now, sessions.c.idle_expires_at > now)
        found = select(sessions).where(living).order_by(sessions.c.created_at.desc()).limit(limit)
        with self._database.read() as connection:
            return [_session(row) for row in connection.execute(found)]

    def _change(self, statement: Any) -> int:
        with self._database.write() as connection:
            return connection.execute(statement).rowcount


def _is_there(connection: Connection, id_hash: bytes, ending: ColumnElement[bool]) -> bool:
    """Tell whether a session lives, and keep it until the transaction ends.

    Those that are about to end are locked with it, all in one order: whoever ends them too waits for all.
    """
    both = select(sessions.c.id_hash).where(or_(sessions.c.id_hash == id_hash, ending))
    locked = connection.scalars(both.order_by(sessions.c.id_hash).with_for_update())
    return id_hash in locked.all()


def _taken_away(connection: Connection, condition: ColumnElement[bool]) -> list[SessionRow]:
    """Delete sessions, in one order whoever ends them; return them.

    What took the place of one while this waited for its row shows at a further look.
    """
    ended: list[SessionRow] = []
    found = select(sessions).where(condition).order_by(sessions.c.id_hash).with_for_update()
    for look in count(1):
        rows = [_session(row) for row in connection.execute(found)]
        hashes = [row.id_hash for row in rows]
        for part in parts(hashes):
            connection.execute(delete(sessions).where(sessions.c.id_hash.in_(part)))
        ended += rows
        if look >= LOOKS and not rows:
            break
    return ended


def _person(backend: str, subject: str) -> ColumnElement[bool]:
    return and_(sessions.c.backend == backend, sessions.c.subject == subject)


def _values(row: SessionRow) -> dict[str, Any]:
    return {
        "id_hash": row.id_hash,
        **row.identity.to_row(),
        "created_at": row.created_at,
        "seen_at": row.seen_at,
        "expires_at": row.expires_at,
        "idle_expires_at": row.idle_expires_at,
        "address": row.address,
        "user_agent": row.user_agent,
        "refreshed_at": row.refreshed_at,
        "upstream_sid": row.upstream_sid,
        "auth_time": row.auth_time,
    }


_COLUMNS = tuple(sessions.c.keys())
_OWN = tuple(field.name for field in fields(SessionRow) if field.name != "identity")


def _session(row: Any) -> SessionRow:
    """Return the session of a row, whose columns are in the table's order."""
    values = dict(zip(_COLUMNS, row, strict=True))
    return SessionRow(identity=Identity.from_row(values), **{name: values[name] for name in _OWN})
