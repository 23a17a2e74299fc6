"""Users of the local login backend."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict, Unpack

from sqlalchemy import Insert, Table, bindparam, delete, insert, select, update

from issuer import jsontext
from issuer.identity import Attribute
from issuer.store.database import Database, storable
from issuer.store.fast.connections import Statement
from issuer.store.tables import users


@dataclass(frozen=True, slots=True)
class User:
    """A local user; `id` never changes and is never given to somebody else."""

    id: str
    uid: str
    password_hash: str = field(repr=False)
    attributes: dict[str, Attribute]
    groups: tuple[str, ...]
    enabled: bool
    created_at: float
    changed_at: float


class UserChanges(TypedDict, total=False):
    """What may change of a user; an attribute with an empty list goes."""

    uid: str
    password_hash: str
    attributes: dict[str, Attribute]
    groups: tuple[str, ...]
    enabled: bool


def insert_for_user(table: Table) -> Insert:
    """Return an insert for a user who is enabled, and whose password is the one that was proven.

    Its parameters are those of `row_for_user`. The user's row is locked until the transaction ends, so
    whoever changes it waits, and sees the new row.
    """
    row = [bindparam(f"new_{column.name}", type_=column.type) for column in table.columns]
    same = (users.c.id == bindparam("new_subject"), users.c.password_hash == bindparam("proof"))
    found = select(*row).where(*same, users.c.enabled).with_for_update(read=True, of=users)
    return insert(table).from_select(list(table.columns), found)


def row_for_user(row: Mapping[str, Any], proof: str) -> dict[str, Any]:
    """Return the parameters of such an insert."""
    return {**{f"new_{name}": value for name, value in row.items()}, "proof": proof}


class Users:
    """The users of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        by_id = select(users).where(users.c.id == bindparam("key"))
        self._by_id = Statement(by_id, database.engine.dialect)

    def add(self, user: User) -> None:
        """Add a user.

        Raises:
            DuplicateError: the id or the uid is taken.
        """
        with self._database.write() as connection:
            connection.execute(insert(users), _values(user))

    def by_uid(self, uid: str) -> User | None:
        """Return the user with exactly this uid."""
        return self._one(users.c.uid == uid) if storable(uid) else None

    def by_id(self, user_id: str) -> User | None:
        """Return the user with this id."""
        row = self._database.kept.first(self._by_id, {"key": user_id}) if storable(user_id) else None
        return _user(row) if row else None

    def all(self) -> list[User]:
        """Return every user, by uid."""
        with self._database.read() as connection:
            return [_user(row) for row in connection.execute(select(users).order_by(users.c.uid))]

    def change(self, user_id: str, now: float, **changes: Unpack[UserChanges]) -> User | None:
        """Change what is named of a user, found by id, and nothing else; return the user as it is then.

        What others change at the same moment stays: attributes are merged with those that the row has now.
        None: there is no such user.

        Raises:
            DuplicateError: the new uid is taken.
        """
        this = users.c.id == user_id
        with self._database.write() as connection:
            row = connection.execute(select(users).where(this).with_for_update()).one_or_none()
            if row is None:
                return None
            was = _user(row)
            if "attributes" in changes:
                merged = {**was.attributes, **changes["attributes"]}
                changes["attributes"] = {name: value for name, value in merged.items() if value != []}
            now_is = replace(was, changed_at=now, **changes)
            new = {name: _values(now_is)[name] for name in ("changed_at", *changes)}
            connection.execute(update(users).where(this).values(new))
        return now_is

    def remove(self, user_id: str) -> bool:
        """Remove a user; tell whether there was one."""
        with self._database.write() as connection:
            return connection.execute(delete(users).where(users.c.id == user_id)).rowcount > 0

    def _one(self, condition: Any) -> User | None:
        with self._database.read() as connection:
            row = connection.execute(select(users).where(condition)).one_or_none()
        return _user(row) if row else None


def _values(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "uid": user.uid,
        "password_hash": user.password_hash,
        "attributes": jsontext.dump(user.attributes).decode(),
        "groups": jsontext.dump(user.groups).decode(),
        "enabled": user.enabled,
        "created_at": user.created_at,
        "changed_at": user.changed_at,
    }


def _user(row: Any) -> User:
    """Return the user of a row, whose columns are in the table's order."""
    user_id, uid, password_hash, attributes, groups, enabled, created, changed = row
    return User(
        user_id,
        uid,
        password_hash,
        jsontext.load(attributes),
        tuple(jsontext.load(groups)),
        bool(enabled),
        created,
        changed,
    )
