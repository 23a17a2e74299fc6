"""Issuances: one row for every token that was given out, never the token itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, insert, select

from issuer.store.database import Database
from issuer.store.group_commit import GroupCommit
from issuer.store.kept import Statement
from issuer.store.tables import issuances


@dataclass(frozen=True, slots=True)
class Issuance:
    """A token that was given out; `token_id` is its `jti`."""

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


COLUMNS = tuple(column.name for column in issuances.c)


class Issuances:
    """The issuances of the store."""

    def __init__(self, database: Database) -> None:
        """Use a database."""
        self._database = database
        self._insert = Statement(insert(issuances), database.engine.dialect)
        self._group = GroupCommit(self._write)

    def record(self, issuance: Issuance) -> None:
        """Record an issuance; it is committed when this returns.

        Raises:
            DuplicateError: a token with this id is recorded already.
        """
        self._group.submit(self._insert.parameters({name: getattr(issuance, name) for name in COLUMNS}))

    def _write(self, rows: Sequence[Any]) -> None:
        with self._database.turn:
            self._database.kept.run(lambda driver: self._commit(driver, rows))

    def _commit(self, driver: Any, rows: Sequence[Any]) -> None:
        cursor = driver.cursor()
        cursor.execute(self._database.begin)
        cursor.executemany(self._insert.sql, rows)
        driver.commit()

    def by_token_id(self, token_id: str) -> Issuance | None:
        """Return the issuance of a token."""
        found = self._select([issuances.c.token_id == token_id], limit=1)
        return found[0] if found else None

    def search(
        self,
        *,
        uid: str | None = None,
        instance: str | None = None,
        room: str | None = None,
        since: float | None = None,
        until: float | None = None,
        limit: int = 100,
    ) -> list[Issuance]:
        """Return issuances that match every filter given, the newest first; `until` is exclusive."""
        equal = {"uid": uid, "instance": instance, "room": room}
        conditions = [issuances.c[name] == value for name, value in equal.items() if value is not None]
        if since is not None:
            conditions.append(issuances.c.issued_at >= since)
        if until is not None:
            conditions.append(issuances.c.issued_at < until)
        return self._select(conditions, limit)

    def _select(self, conditions: list[ColumnElement[bool]], limit: int) -> list[Issuance]:
        found = select(issuances).where(*conditions).order_by(issuances.c.issued_at.desc()).limit(limit)
        with self._database.read() as connection:
            return [Issuance(*row) for row in connection.execute(found)]
