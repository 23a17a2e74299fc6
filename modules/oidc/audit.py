"""The module's events in the security log, with fixed fields as those of `issuer.audit`."""

import logging

from issuer.identity import Identity
from modules.oidc.store.grants import Grant

_log = logging.getLogger("issuer.audit")


def _event(event: str, level: int = logging.INFO, /, **fields: object) -> None:
    _log.log(level, {"event": event, **{name: v for name, v in fields.items() if v is not None}})


def _of_grant(event: str, grant: Grant, address: str) -> None:
    _event(
        event,
        logging.WARNING,
        instance=grant.instance,
        client=grant.client_id,
        grant=grant.id,
        backend=grant.identity.backend,
        user=grant.identity.uid,
        address=address,
    )


def code_replayed(grant: Grant, address: str) -> None:
    """An authorization code came a second time; its grant has ended."""
    _of_grant("code_replayed", grant, address)


def refresh_token_reused(grant: Grant, address: str) -> None:
    """A refresh token came a second time; its family has ended."""
    _of_grant("refresh_token_reused", grant, address)


def consent_given(instance: str, client_id: str, identity: Identity, scope: tuple[str, ...]) -> None:
    """Somebody let a client know about them."""
    _event(
        "consent_given",
        instance=instance,
        client=client_id,
        backend=identity.backend,
        user=identity.uid,
        scope=" ".join(scope),
    )


def consent_withdrawn(instance: str, client_id: str, identity: Identity) -> None:
    """Somebody took their consent back; the client's grants have ended."""
    _event(
        "consent_withdrawn", instance=instance, client=client_id, backend=identity.backend, user=identity.uid
    )


def client_refused(instance: str, client: str | None, reason: str, address: str) -> None:
    """A client did not prove who it is; None is one that is not known."""
    _event(
        "client_refused", logging.WARNING, instance=instance, client=client, reason=reason, address=address
    )
