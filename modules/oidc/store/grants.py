"""Grants: that a person let a client act for them; with its code and its refresh tokens, one family.

A grant that is revoked takes its refresh tokens with it, and its access tokens are no longer good here.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Table,
    bindparam,
    exists,
    func,
    insert,
    select,
    update,
)

from issuer import jsontext
from issuer.identity import Identity
from issuer.store import Database, OutdatedError, Redemption, Rows, Statement
from issuer.store.database import parts, storable
from issuer.store.tables import sessions
from issuer.world import Clock
from modules.oidc.store.consents import Consent
from modules.oidc.store.tables import clients, consents, grants, refresh_tokens


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


@dataclass(frozen=True, slots=True)
class Footing:
    """What must still be there when a grant is added: it is locked, so that whoever ends it waits."""

    session: bytes | None = None
    """The hash of a portal session."""
    consent: Consent | None = None
    """What the person let the client have."""
    is_stored: bool = False
    """The client is one that was added by command."""

    @property
    def kind(self) -> tuple[bool, bool, bool]:
        """Return which of them there are."""
        return self.session is not None, self.consent is not None, self.is_stored

    @property
    def values(self) -> dict[str, Any]:
        """Return the parameters that name them."""
        scope = " ".join(self.consent.scope) if self.consent else None
        return {"on_session": self.session, "on_scope": scope}


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
        self._database = database
        self._clock = clock
        dialect = database.engine.dialect
        by_code = select(grants).where(grants.c.code_hash == bindparam("hash"))
        self._by_code = Statement(by_code, dialect)
        self._by_token = Statement(_TOKEN_WITH_GRANT, dialect)
        self._spend_code = Statement(_SPEND_CODE, dialect)
        self._spend_token = Statement(_SPEND_TOKEN, dialect)
        self._extend_token = Statement(_EXTEND_TOKEN, dialect)
        self._insert_token = Statement(insert(refresh_tokens), dialect)
        self._insertions: dict[tuple[bool, bool, bool], Statement] = {}

    def add(self, grant: Grant, code_hash: bytes | None = None, on: Footing = Footing()) -> None:
        """Add a grant, with its code.

        Raises:
            issuer.store.OutdatedError: what it stands on has ended.
        """
        row = {"revoked_at": None, "code_used_at": None, **values_of(grant), "code_hash": code_hash}
        values = {**{f"new_{name}": value for name, value in row.items()}, **on.values}
        insertion = self._insertions.get(on.kind) or self._insertions.setdefault(
            on.kind, self._database.statement(_insertion(*on.kind))
        )

        def put(cursor: Any) -> bool:
            insertion.run(cursor, values)
            return bool(cursor.rowcount)

        if not self._database.transact(put):
            raise OutdatedError("the session, the consent or the client of a grant has ended")

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
        """Return the redemption of a code of a grant that holds, and adds the first refresh token."""
        values = {"hash": code_hash, "now": self._clock.now()}
        return Redemption(code_hash, self._spend_code, values, self.added(following))

    def token_spent(self, token_hash: bytes, following: RefreshToken, grace: float) -> Redemption:
        """Return the redemption of a refresh token of a grant that holds, and adds the next one.

        It succeeds again for `grace` seconds; when it was spent first is kept. With 0 it never does, even
        where another machine's clock is ahead.
        """
        now = self._clock.now()
        values = {"hash": token_hash, "now": now, "earliest": now - grace if grace else math.inf}
        return Redemption(token_hash, self._spend_token, values, self.added(following))

    def token_kept(self, token: RefreshToken) -> Redemption:
        """Return the redemption of a refresh token of a grant that holds, which lets it live on."""
        values = {"hash": token.hash, "ends": token.expires_at}
        return Redemption(token.hash, self._extend_token, values)

    def added(self, token: RefreshToken | None) -> Rows:
        """Return the rows of a new refresh token, for a redemption."""
        if token is None:
            return []
        values = {
            "token_hash": token.hash,
            "grant_id": token.grant.id,
            "expires_at": token.expires_at,
            "used_at": token.used_at,
        }
        return [(self._insert_token, values)]

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
        return self.of_sessions(instance, [session])

    def of_sessions(self, instance: str, sessions: Sequence[bytes]) -> list[Grant]:
        """Return the grants of an instance that were given in these sessions, and hold."""
        condition = (grants.c.instance == instance) & grants.c.session.in_(sessions)
        with self._database.read() as connection:
            rows = connection.execute(select(grants).where(condition, grants.c.revoked_at.is_(None)))
            return [grant_of(row) for row in rows]

    def end_with_sessions(self, instance: str, sessions: Sequence[bytes], outlives: str) -> list[Grant]:
        """Revoke the grants of sessions, but those with the scope `outlives`; return all, as they were.

        To be called in a transaction. The grants of other instances are locked too: so all that end together
        are locked in one order.
        """
        with self._database.write() as connection:
            _locked(connection, grants.c.session.in_(sessions) & grants.c.revoked_at.is_(None))
            found = self.of_sessions(instance, sessions)
            ids = [grant.id for grant in found if outlives not in grant.scope]
            for part in parts(ids):
                ended = update(grants).where(grants.c.id.in_(part))
                connection.execute(ended.values(revoked_at=self._clock.now()))
        return found

    def move(self, sessions: Sequence[bytes], successor: bytes) -> None:
        """Let the grants of sessions hang on the one in their place; their `sid` stays."""
        with self._database.write() as connection:
            ids = _locked(connection, grants.c.session.in_(sessions))
            for part in parts(ids):
                connection.execute(update(grants).where(grants.c.id.in_(part)).values(session=successor))

    def _revoke(self, condition: ColumnElement[bool]) -> int:
        with self._database.write() as connection:
            holding = _locked(connection, condition & grants.c.revoked_at.is_(None))
            ended = 0
            for part in parts(holding):
                revoked = update(grants).where(grants.c.id.in_(part), grants.c.revoked_at.is_(None))
                ended += connection.execute(revoked.values(revoked_at=self._clock.now())).rowcount
            return ended


def _insertion(session: bool, consent: bool, client: bool) -> Insert:
    """Return an insert of a grant, with what it stands on."""
    row = [bindparam(f"new_{column.name}", type_=column.type) for column in grants.columns]
    found = select(*row)
    locked = []
    if session:
        found = found.where(sessions.c.id_hash == bindparam("on_session"))
        locked.append(sessions)
    if consent:
        found = found.where(*_same(consents, "instance", "client_id", "backend", "subject"))
        found = found.where(consents.c.scope == bindparam("on_scope"))
        locked.append(consents)
    if client:
        found = found.where(*_same(clients, "instance", "client_id"))
        locked.append(clients)
    if locked:
        found = found.with_for_update(read=True, of=locked)
    return insert(grants).from_select(list(grants.columns), found)


def _same(table: Table, *names: str) -> Iterable[ColumnElement[bool]]:
    return (table.c[name] == bindparam(f"new_{name}") for name in names)


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
_UNUSED = refresh_tokens.c.used_at.is_(None)
_SPEND_TOKEN = (
    update(refresh_tokens)
    .where(refresh_tokens.c.token_hash == bindparam("hash"), _HOLDS)
    .where(_UNUSED | (refresh_tokens.c.used_at > bindparam("earliest")))
    .values(used_at=func.coalesce(refresh_tokens.c.used_at, bindparam("now")))
)
_EXTEND_TOKEN = (
    update(refresh_tokens)
    .where(refresh_tokens.c.token_hash == bindparam("hash"), _UNUSED, _HOLDS)
    .values(expires_at=bindparam("ends"))
)
