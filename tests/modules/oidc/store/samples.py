"""Rows as the module would write them."""

from typing import Any

from sqlalchemy import insert

from issuer.store import Store
from modules.oidc.store.consents import Consent
from modules.oidc.store.devices import Device
from modules.oidc.store.grants import Details, Grant
from modules.oidc.store.tables import refresh_tokens
from tests.store.samples import NOW, id_hash, identity

ODD = ["\0", "\ud800", "Ü \U0001f680", "x" * 10_000]
"""Texts that a database might not hold as they are."""
DETAILS = Details(
    redirect_uri="https://wiki.example.com/callback",
    nonce="n\0\ud800",
    challenge="c" * 43,
    acr="2",
    resources=("https://api.example.com/", "https://other.example.com/"),
    id_token_claims=("email",),
    userinfo_claims=("groups", "name"),
    sid="the-sid",
    state='{"room": "\ud800"}',
)


def grant(name: str = "one", uid: str = "dwho", **values: Any) -> Grant:
    odd = {"attributes": {"cn": "\0", "mail": ["\ud800", "a@example.org"]}, "macros": {"staff": True}}
    fields: dict[str, Any] = {
        "id": f"grant-{name}",
        "instance": "oidc",
        "client_id": "wiki",
        "identity": identity(uid, **odd),
        "auth_time": NOW - 5,
        "scope": ("openid", "email"),
        "created_at": NOW,
        "expires_at": NOW + 1000,
        "session": id_hash("session"),
        "details": DETAILS,
        "code_expires_at": NOW + 60,
    }
    return Grant(**fields | values)


def add_refresh_token(store: Store, grant_id: str, token_hash: bytes, end: float) -> None:
    values = {"token_hash": token_hash, "grant_id": grant_id, "expires_at": end}
    with store.database.write() as connection:
        connection.execute(insert(refresh_tokens), values)


def device(name: str = "one", **values: Any) -> Device:
    fields: dict[str, Any] = {
        "device_hash": id_hash(f"device {name}"),
        "client_id": "tv",
        "scope": ("openid", "profile"),
        "resources": ("https://api.example.com/",),
        "expires_at": NOW + 600,
        "polled_at": NOW - 5,
        "interval": 5.0,
    }
    return Device(**fields | values)


def consent(client_id: str = "wiki", **values: Any) -> Consent:
    fields: dict[str, Any] = {"scope": ("email", "openid"), "given_at": NOW, "expires_at": NOW + 1000}
    return Consent(client_id, **fields | values)
