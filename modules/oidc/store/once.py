"""What may be used once, and what is no longer good: assertions of clients, access tokens."""

from sqlalchemy import insert, select

from issuer.store import Database, DuplicateError
from issuer.store.database import digest
from modules.oidc.store.tables import revoked_tokens, used_once


class Once:
    """Texts that count the first time only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def use(self, text: str, expires_at: float) -> bool:
        """Tell whether a text is used for the first time; it is remembered until `expires_at`."""
        try:
            with self._database.write() as connection:
                connection.execute(insert(used_once), {"hash": digest(text), "expires_at": expires_at})
        except DuplicateError:
            return False
        return True


class RevokedTokens:
    """Access tokens that were revoked before their end, by their `jti`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token_id: str, expires_at: float) -> None:
        """Revoke a token."""
        try:
            with self._database.write() as connection:
                values = {"token_id": token_id, "expires_at": expires_at}
                connection.execute(insert(revoked_tokens), values)
        except DuplicateError:
            return

    def has(self, token_id: str) -> bool:
        """Tell whether a token was revoked."""
        found = select(revoked_tokens.c.token_id).where(revoked_tokens.c.token_id == token_id)
        with self._database.read() as connection:
            return connection.execute(found).first() is not None
