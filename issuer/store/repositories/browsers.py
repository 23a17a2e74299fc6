"""Browsers that signed in before: the limit of an account spares them.

The account's name is kept as its SHA-256, as it is looked up by what a stranger typed.
"""

from sqlalchemy import and_, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from issuer.store.database import Database
from issuer.store.tables import known_browsers
from issuer.store.values import digest
from issuer.world import Clock


class KnownBrowsers:
    """The known browsers of the store; `token_hash` is the SHA-256 of what is in the browser's cookie."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Use a database, and a clock that tells what has expired."""
        self._database = database
        self._clock = clock
        insert = sqlite.insert if database.is_sqlite else postgresql.insert
        new = insert(known_browsers)
        keys = [known_browsers.c.account_hash, known_browsers.c.token_hash]
        again = new.on_conflict_do_update(index_elements=keys, set_={"expires_at": new.excluded.expires_at})
        this = and_(*(column == bindparam(column.name) for column in keys))
        self._remember = database.statement(again)
        self._expires = database.statement(select(known_browsers.c.expires_at).where(this))

    def remember(self, token_hash: bytes, account: str, expires_at: float) -> None:
        """Remember that a browser signed in to an account."""
        row = {"account_hash": digest(account), "token_hash": token_hash, "expires_at": expires_at}
        self._database.transact(lambda cursor: self._remember.run(cursor, row))

    def knows(self, token_hash: bytes, account: str, until: float = 0.0) -> bool:
        """Tell whether a browser signed in to an account not too long ago, and is remembered `until` then."""
        this = {"account_hash": digest(account), "token_hash": token_hash}
        row = self._database.kept.first(self._expires, this)
        expires_at = row[0] if row else None
        return expires_at is not None and expires_at > self._clock.now() and expires_at >= until

    def forget_account(self, account: str) -> None:
        """Forget every browser of an account."""
        with self._database.write() as connection:
            connection.execute(delete(known_browsers).where(known_browsers.c.account_hash == digest(account)))
