"""Grants: that a person let a client act for them; with its code and its refresh tokens, one family.

A grant that is revoked takes its refresh tokens with it, and its access tokens are no longer good here.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, exists, insert, select, update

from issuer import jsontext
from issuer.identity import Identity
from issuer.store import Database, Redemption, Rows, Statement
from issuer.store.database import storable
from issuer.world import Clock
from modules.oidc.store.tables import grants, refresh_tokens


@dataclass(frozen=True, slots=True)
class Details:
    """What else was asked for when the grant was given."""

    redirect_uri: str = ""
    nonce: str | None = None
    challenge: str | None = None
    acr: str | None = None
    resources: tuple[str, ...] = ()
    id_token_claims: tuple[str, ...] = ()
    userinfo_claims: tuple[str, ...] = ()
    sid: str | None = None
    """The name that clients know the session by."""
    state: str | None = None
    """Kept for clients of the kind `jitsi` alone: it names the room."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant. `session` is the hash of the portal session that it was given in.

    `auth_time` is when the person signed in (seconds since 1970), 0 when nobody knows.
    """

    id: str
    instance: str
    client_id: str
    identity: Identity
    auth_time: float
    scope: tuple[str, ...]
    created_at: float
    expires_at: float
    session: bytes | None = field(default=None, repr=False)
    details: Details = field(default_factory=Details)
    revoked_at: float | None = None
    code_expires_at: float | None = None
    code_used_at: float | None = None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token; its text is not known."""

    hash: bytes = field(repr=False)
    grant: Grant
    expires_at: float
    used_at: float | None


def values_of(grant: Grant) -> dict[str, Any]:
    """Return the row of a grant, without its code."""
    return {
        "id": grant.id,
        "instance": grant.instance,
        "client_id": grant.client_id,
        **grant.identity.to_row(),
        "session": grant.session,
        "auth_time": grant.auth_time,
        "scope": " ".join(grant.scope),
        "details": _dump_details(grant.details),
        "created_at": grant.created_at,
        "expires_at": grant.expires_at,
        "code_expires_at": grant.code_expires_at,
    }


_COLUMNS = tuple(grants.c.keys())
_OWN = tuple(field.name for field in fields(Grant) if field.name not in {"identity", "scope", "details"})


def grant_of(row: Any) -> Grant:
    """Return the grant of a row, whose columns are in the table's order."""
    values = dict(zip(_COLUMNS, row, strict=True))
    return Grant(
        identity=Identity.from_row(values),
        scope=tuple(values["scope"].split()),
        details=_load_details(values["details"]),
        **{name: values[name] for name in _OWN},
    )


def _dump_details(details: Details) -> str:
    return jsontext.dump({name: value for name, value in asdict(details).items() if value}).decode()


def _load_details(text: str) -> Details:
    found: dict[str, Any] = jsontext.load(text)
    for name, value in found.items():
        if isinstance(value, list):
            found[name] = tuple(value)
    return Details(**found)


class Grants:
    """The grants of the store.

    What every exchange reads and writes are statements that are compiled once.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        """Use a database, and a clock that tells what has expired."""
        self._database = database
        self._clock = clock
        dialect = database.engine.dialect
        by_code = select(grants).where(grants.c.code_hash == bindparam("hash"))
        self._by_code = Statement(by_code, dialect)
        self._by_token = Statement(_TOKEN_WITH_GRANT, dialect)
        self._spend_code = Statement(_SPEND_CODE, dialect)
        self._spend_token = Statement(_SPEND_TOKEN, dialect)
        self._insert_token = Statement(insert(refresh_tokens), dialect)

    def add(self, grant: Grant, code_hash: bytes | None = None) -> None:
        """Add a grant, with its code."""
        with self._database.write() as connection:
            connection.execute(insert(grants), values_of(grant) | {"code_hash": code_hash})

    def by_code(self, code_hash: bytes) -> Grant | None:
        """Return the grant of a code, used or not."""
        row = self._database.kept.first(self._by_code, {"hash": code_hash})
        return grant_of(row) if row else None

    def find(self, grant_id: str) -> Grant | None:
        """Return a grant, whether it holds or not."""
        with self._database.read() as connection:
            row = connection.execute(select(grants).where(grants.c.id == grant_id)).one_or_none()
        return grant_of(row) if row else None

    def get(self, grant_id: str) -> Grant | None:
        """Return a grant that holds: neither expired nor revoked."""
        found = self.find(grant_id)
        return found if found and found.revoked_at is None and found.expires_at > self._clock.now() else None

    def code_spent(self, code_hash: bytes, following: RefreshToken | None) -> Redemption:
        """Return the change that uses a code of a grant that holds, and adds the first refresh token."""
        return self._spent(self._spend_code, code_hash, following)

    def token_spent(self, token_hash: bytes, following: RefreshToken) -> Redemption:
        """Return the change that uses a refresh token of a grant that holds, and adds the next one."""
        return self._spent(self._spend_token, token_hash, following)

    def added(self, token: RefreshToken | None) -> Rows:
        """Return what a change adds for a new refresh token."""
        if token is None:
            return []
        values = {
            "token_hash": token.hash,
            "grant_id": token.grant.id,
            "expires_at": token.expires_at,
            "used_at": token.used_at,
        }
        return [(self._insert_token, values)]

    def _spent(self, spend: Statement, hashed: bytes, following: RefreshToken | None) -> Redemption:
        values = {"hash": hashed, "now": self._clock.now()}
        return Redemption(hashed, spend, values, self.added(following))

    def refresh_token(self, token_hash: bytes) -> RefreshToken | None:
        """Return a refresh token with its grant, used or not, expired or not."""
        row = self._database.kept.first(self._by_token, {"hash": token_hash})
        return RefreshToken(token_hash, grant_of(row[:-2]), *row[-2:]) if row else None

    def revoke(self, grant_id: str) -> bool:
        """Revoke a grant; tell whether it held until now."""
        return bool(self._revoke(grants.c.id == grant_id))

    def revoke_of_client(self, instance: str, client_id: str, identity: Identity | None = None) -> int:
        """Revoke every grant to a client, or a person's grants to it; return how many there were."""
        if not storable(client_id):
            return 0
        condition = (grants.c.instance == instance) & (grants.c.client_id == client_id)
        if identity is not None:
            condition &= (grants.c.backend == identity.backend) & (grants.c.subject == identity.subject)
        return self._revoke(condition)

    def of_session(self, instance: str, session: bytes) -> list[Grant]:
        """Return the grants of an instance that were given in a session, and hold."""
        condition = (grants.c.instance == instance) & (grants.c.session == session)
        with self._database.read() as connection:
            rows = connection.execute(select(grants).where(condition, grants.c.revoked_at.is_(None)))
            return [grant_of(row) for row in rows]

    def move(self, session: bytes, successor: bytes) -> None:
        """Let the grants of a session hang on the one in its place; their `sid` stays."""
        moved = update(grants).where(grants.c.session == session).values(session=successor)
        with self._database.write() as connection:
            connection.execute(moved)

    def _revoke(self, condition: ColumnElement[bool]) -> int:
        with self._database.write() as connection:
            holding = _locked(connection, condition & grants.c.revoked_at.is_(None))
            revoked = update(grants).where(grants.c.id.in_(holding), grants.c.revoked_at.is_(None))
            return connection.execute(revoked.values(revoked_at=self._clock.now())).rowcount if holding else 0


def _locked(connection: Connection, condition: ColumnElement[bool]) -> list[str]:
    """Lock grants in the order in which exchanges lock them, by the hash of the code; return their ids.

    In another order, whoever ends many grants and a batch of exchanges would wait for each other.
    """
    ordered = select(grants.c.id).where(condition).order_by(grants.c.code_hash, grants.c.id)
    return list(connection.scalars(ordered.with_for_update()))


_TOKEN_WITH_GRANT = (
    select(grants, refresh_tokens.c.expires_at, refresh_tokens.c.used_at)
    .join(refresh_tokens, grants.c.id == refresh_tokens.c.grant_id)
    .where(refresh_tokens.c.token_hash == bindparam("hash"))
)
_SPEND_CODE = (
    update(grants)
    .where(grants.c.code_hash == bindparam("hash"))
    .where(grants.c.code_used_at.is_(None), grants.c.revoked_at.is_(None))
    .values(code_used_at=bindparam("now"))
)
_HOLDS = exists().where(grants.c.id == refresh_tokens.c.grant_id, grants.c.revoked_at.is_(None))
_SPEND_TOKEN = (
    update(refresh_tokens)
    .where(refresh_tokens.c.token_hash == bindparam("hash"), refresh_tokens.c.used_at.is_(None), _HOLDS)
    .values(used_at=bindparam("now"))
)
