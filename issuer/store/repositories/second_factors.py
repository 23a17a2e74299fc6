"""Second factors of people, and their recovery codes; secrets are sealed before they come here."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from issuer.store.database import Database
from issuer.store.tables import pending_steps, recovery_codes, second_factors


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """That somebody has an authenticator app."""

    backend: str
    subject: str
    uid: str
    """Their user name when they set it up, for operators."""
    secret: bytes = field(repr=False)
    """What the app shares with us, sealed."""
    last_step: int
    """The time step of the last code that counted; none up to it counts again."""
    created_at: float


class SecondFactors:
    """The second factors of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        this = (second_factors.c[name] == bindparam(name) for name in ("backend", "subject"))
        self._get = database.statement(select(second_factors).where(*this))

    def add(self, factor: SecondFactor, code_hashes: Iterable[bytes]) -> None:
        """Keep somebody's factor with their recovery codes.

        Raises:
            issuer.store.DuplicateError: they have one.
        """
        values = {column.name: getattr(factor, column.name) for column in second_factors.columns}
        with self._database.write() as connection:
            connection.execute(insert(second_factors).values(values))
            _put_codes(connection, factor.backend, factor.subject, code_hashes)

    def get(self, backend: str, subject: str) -> SecondFactor | None:
        """Return somebody's factor."""
        row = self._database.kept.first(self._get, {"backend": backend, "subject": subject})
        return SecondFactor(*row) if row else None

    def of_uid(self, uid: str) -> list[SecondFactor]:
        """Return the factors of everybody who had this user name when they set it up."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(second_factors).where(second_factors.c.uid == uid).order_by("backend")
            )
            return [_factor(row) for row in rows]

    def all(self) -> list[SecondFactor]:
        """Return every factor, by user name."""
        with self._database.read() as connection:
            return [_factor(row) for row in connection.execute(select(second_factors).order_by("uid"))]

    def use_step(self, backend: str, subject: str, step: int) -> bool:
        """Use a time step up; tell whether it, and none after it, had been used. One of many calls wins."""
        this = _person(second_factors, backend, subject) & (second_factors.c.last_step < step)
        with self._database.write() as connection:
            return connection.execute(update(second_factors).where(this).values(last_step=step)).rowcount > 0

    def use_code(self, backend: str, subject: str, code_hash: bytes) -> bool:
        """Use a recovery code up; tell whether there was one. One of many calls wins."""
        this = _person(recovery_codes, backend, subject) & (recovery_codes.c.code_hash == code_hash)
        with self._database.write() as connection:
            return connection.execute(delete(recovery_codes).where(this)).rowcount > 0

    def codes_left(self, backend: str, subject: str) -> int:
        """Return how many recovery codes somebody has left."""
        this = _person(recovery_codes, backend, subject)
        count = select(func.count()).select_from(recovery_codes).where(this)
        with self._database.read() as connection:
            return int(connection.scalar(count) or 0)

    def replace_codes(self, backend: str, subject: str, code_hashes: Iterable[bytes]) -> None:
        """Give somebody new recovery codes; the old ones count no more."""
        with self._database.write() as connection:
            connection.execute(delete(recovery_codes).where(_person(recovery_codes, backend, subject)))
            _put_codes(connection, backend, subject, code_hashes)

    def remove(self, backend: str, subject: str) -> bool:
        """Remove somebody's factor with their codes, and what they have begun; tell whether there was one."""
        with self._database.write() as connection:
            connection.execute(delete(pending_steps).where(_person(pending_steps, backend, subject)))
            connection.execute(delete(recovery_codes).where(_person(recovery_codes, backend, subject)))
            this = _person(second_factors, backend, subject)
            return connection.execute(delete(second_factors).where(this)).rowcount > 0


def _person(table: Table, backend: str, subject: str) -> ColumnElement[bool]:
    return and_(table.c.backend == backend, table.c.subject == subject)


def _factor(row: Row[tuple[object, ...]]) -> SecondFactor:
    return SecondFactor(**row._mapping)


def _put_codes(connection: Connection, backend: str, subject: str, code_hashes: Iterable[bytes]) -> None:
    rows = [{"backend": backend, "subject": subject, "code_hash": code_hash} for code_hash in code_hashes]
    connection.execute(insert(recovery_codes), rows)
