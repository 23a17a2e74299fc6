"""Grants: that a person let a client act for them; with its code and its refresh tokens, one family.

A grant that is revoked takes its refresh tokens with it, and its access tokens are no longer good here.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, insert, select, update

from issuer.identity import Identity
from issuer.store import Database
from issuer.store.values import (
    dump_attributes,
    dump_groups,
    dump_values,
    load_attributes,
    load_groups,
    load_values,
    storable,
)
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


_TOKEN_END = refresh_tokens.c.expires_at.label("token_expires_at")
_TOKEN_USE = refresh_tokens.c.used_at.label("token_used_at")


class Grants:
    """The grants of the store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Use a database, and a clock that tells what has expired."""
        self._database = database
        self._clock = clock

    def add(
        self, grant: Grant, code_hash: bytes | None = None, refresh: tuple[bytes, float] | None = None
    ) -> None:
        """Add a grant, with its code or with its first refresh token (hash and end)."""
        with self._database.write() as connection:
            connection.execute(insert(grants), values_of(grant) | {"code_hash": code_hash})
            if refresh:
                connection.execute(insert(refresh_tokens), _refresh_values(grant.id, refresh))

    def add_refresh_token(self, grant: Grant, refresh: tuple[bytes, float]) -> None:
        """Add a refresh token (hash and end) to a grant."""
        with self._database.write() as connection:
            connection.execute(insert(refresh_tokens), _refresh_values(grant.id, refresh))

    def by_code(self, code_hash: bytes) -> Grant | None:
        """Return the grant of a code, used or not."""
        return self._one(grants.c.code_hash == code_hash)

    def find(self, grant_id: str) -> Grant | None:
        """Return a grant, whether it holds or not."""
        return self._one(grants.c.id == grant_id)

    def get(self, grant_id: str) -> Grant | None:
        """Return a grant that holds: neither expired nor revoked."""
        found = self.find(grant_id)
        return found if found and found.revoked_at is None and found.expires_at > self._clock.now() else None

    def use_code(self, grant: Grant, refresh: tuple[bytes, float] | None = None) -> bool:
        """Use a grant's code, and add its first refresh token; tell whether nobody had used it before."""
        unused = (grants.c.id == grant.id, grants.c.code_used_at.is_(None), grants.c.revoked_at.is_(None))
        with self._database.write() as connection:
            used = update(grants).where(*unused).values(code_used_at=self._clock.now())
            won = connection.execute(used).rowcount == 1
            if won and refresh:
                connection.execute(insert(refresh_tokens), _refresh_values(grant.id, refresh))
        return won

    def refresh_token(self, token_hash: bytes) -> RefreshToken | None:
        """Return a refresh token with its grant, used or not, expired or not."""
        found = select(grants, _TOKEN_END, _TOKEN_USE).join(
            refresh_tokens, grants.c.id == refresh_tokens.c.grant_id
        )
        with self._database.read() as connection:
            statement = found.where(refresh_tokens.c.token_hash == token_hash)
            row = connection.execute(statement).mappings().one_or_none()
        return RefreshToken(token_hash, _grant(row), row[_TOKEN_END], row[_TOKEN_USE]) if row else None

    def rotate(self, token: RefreshToken, refresh: tuple[bytes, float]) -> bool:
        """Use a refresh token, and add the next one; tell whether nobody had used it before."""
        unused = (refresh_tokens.c.token_hash == token.hash, refresh_tokens.c.used_at.is_(None))
        with self._database.write() as connection:
            used = update(refresh_tokens).where(*unused).values(used_at=self._clock.now())
            won = connection.execute(used).rowcount == 1
            if won:
                connection.execute(insert(refresh_tokens), _refresh_values(token.grant.id, refresh))
        return won

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
            rows = connection.execute(
                select(grants).where(condition, grants.c.revoked_at.is_(None))
            ).mappings()
            return [_grant(row) for row in rows]

    def move(self, session: bytes, successor: bytes) -> None:
        """Let the grants of a session hang on the one in its place; their `sid` stays."""
        moved = update(grants).where(grants.c.session == session).values(session=successor)
        with self._database.write() as connection:
            connection.execute(moved)

    def _revoke(self, condition: ColumnElement[bool]) -> int:
        with self._database.write() as connection:
            revoked = update(grants).where(condition, grants.c.revoked_at.is_(None))
            return connection.execute(revoked.values(revoked_at=self._clock.now())).rowcount

    def _one(self, condition: ColumnElement[bool]) -> Grant | None:
        with self._database.read() as connection:
            row = connection.execute(select(grants).where(condition)).mappings().one_or_none()
        return _grant(row) if row else None


def _refresh_values(grant_id: str, refresh: tuple[bytes, float]) -> dict[str, Any]:
    token_hash, expires_at = refresh
    return {"token_hash": token_hash, "grant_id": grant_id, "expires_at": expires_at}


def values_of(grant: Grant) -> dict[str, Any]:
    """Return the row of a grant, without its code."""
    identity = grant.identity
    return {
        "id": grant.id,
        "instance": grant.instance,
        "client_id": grant.client_id,
        "backend": identity.backend,
        "subject": identity.subject,
        "uid": identity.uid,
        "attributes": dump_attributes(identity.attributes),
        "groups": dump_groups(identity.groups),
        "auth_level": identity.auth_level,
        "macros": dump_values(identity.macros),
        "session": grant.session,
        "auth_time": grant.auth_time,
        "scope": " ".join(grant.scope),
        "details": _dump_details(grant.details),
        "created_at": grant.created_at,
        "expires_at": grant.expires_at,
        "code_expires_at": grant.code_expires_at,
    }


def _grant(row: RowMapping) -> Grant:
    return Grant(
        id=row["id"],
        instance=row["instance"],
        client_id=row["client_id"],
        identity=Identity(
            row["backend"],
            row["subject"],
            row["uid"],
            load_attributes(row["attributes"]),
            load_groups(row["groups"]),
            row["auth_level"],
            macros=load_values(row["macros"]),
        ),
        auth_time=row["auth_time"],
        scope=tuple(row["scope"].split()),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        session=row["session"],
        details=_load_details(row["details"]),
        revoked_at=row["revoked_at"],
        code_expires_at=row["code_expires_at"],
        code_used_at=row["code_used_at"],
    )


def _dump_details(details: Details) -> str:
    return json.dumps(
        {name: value for name, value in asdict(details).items() if value}, separators=(",", ":")
    )


def _load_details(text: str) -> Details:
    found: dict[str, Any] = json.loads(text)
    tuples: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in found.items()
    }
    return Details(**tuples)
