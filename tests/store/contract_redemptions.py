"""What every store keeps to with changes that are committed together with issuances."""

import hashlib

from sqlalchemy import bindparam, delete, insert

from issuer.store import DuplicateError, Redemption, SpentError, Statement, Store
from issuer.store.tables import uid_claims
from tests.store.samples import NOW, at_once, issuance

TAKEN = delete(uid_claims).where(uid_claims.c.uid_hash == bindparam("hash"))


def claim(name: str) -> dict[str, object]:
    hashed = hashlib.sha256(name.encode()).digest()
    return {"uid_hash": hashed, "backend": "local", "subject": name, "uid": name, "claimed_at": NOW}


def lay(store: Store, *names: str) -> None:
    with store.database.write() as connection:
        connection.execute(insert(uid_claims), [claim(name) for name in names])


def left(store: Store) -> set[str]:
    with store.database.read() as connection:
        return {row.uid for row in connection.execute(uid_claims.select())}


def taking(store: Store, name: str, following: str | None = None) -> Redemption:
    """Spend one row, and add another."""
    hashed = hashlib.sha256(name.encode()).digest()
    dialect = store.database.engine.dialect
    rows = [(Statement(insert(uid_claims), dialect), claim(following))] if following else []
    return Redemption(hashed, Statement(TAKEN, dialect), {"hash": hashed}, rows)


class RedemptionsContract:
    def test_a_change_and_its_issuances_are_there_together(self, store: Store) -> None:
        lay(store, "a")
        store.issuances.record(issuance("t1"), issuance("t2"), change=taking(store, "a", "b"))
        assert left(store) == {"b"}
        assert len(store.issuances.search()) == 2

    def test_what_is_spent_already_leaves_nothing(self, store: Store) -> None:
        [error] = at_once(1, lambda _: store.issuances.record(issuance(), change=taking(store, "a", "b")))
        assert isinstance(error, SpentError)
        assert left(store) == set()
        assert store.issuances.search() == []

    def test_of_those_who_spend_the_same_at_once_one_wins(self, store: Store) -> None:
        names = [f"n{number}" for number in range(4)]
        lay(store, *names)

        def record(number: int) -> None:
            name = names[number % 4]
            change = taking(store, name, f"after {name} {number}")
            store.issuances.record(issuance(f"t{number}"), change=change)

        results = at_once(16, record)
        assert [type(error) for error in results if error] == [SpentError] * 12
        won = [number for number, error in enumerate(results) if error is None]
        assert {row.token_id for row in store.issuances.search()} == {f"t{number}" for number in won}
        assert left(store) == {f"after {names[number % 4]} {number}" for number in won}

    def test_an_issuance_that_cannot_be_recorded_leaves_the_change_undone(self, store: Store) -> None:
        lay(store, "a")
        store.issuances.record(issuance("t1"))
        [error] = at_once(1, lambda _: store.issuances.record(issuance("t1"), change=taking(store, "a", "b")))
        assert isinstance(error, DuplicateError)
        assert left(store) == {"a"}
        store.issuances.record(issuance("t2"), change=taking(store, "a"))
        assert left(store) == set()
