"""A grant as others hold it, and as a row of the table."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from issuer import jsontext
from issuer.identity import Identity
from modules.oidc.store.tables import grants


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
