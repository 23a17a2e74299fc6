"""The security log: one function per event, with fixed fields. No token, password or session id ever.

Every line is one JSON object on the logger `issuer.audit`; `event` names what happened.
"""

import logging

from issuer.identity import Identity
from issuer.store import IssuanceRow

_log = logging.getLogger("issuer.audit")

_OTHER_NAMES = {"uid": "user", "scene": "scene_id", "event": "event_id"}
_ISSUANCE = [_OTHER_NAMES.get(name, name) for name in IssuanceRow._fields]
"""How the fields of an issuance are called in the log, in their order."""


def _event(event: str, level: int = logging.INFO, /, **fields: object) -> None:
    _log.log(level, {"event": event, **{name: v for name, v in fields.items() if v is not None}})


def signed_in(identity: Identity, address: str) -> None:
    """Somebody signed in."""
    _event("signed_in", backend=identity.backend, user=identity.uid, address=address)


def sign_in_failed(account: str, address: str) -> None:
    """Login and password did not match, or nobody has this login; `account` stands for what was typed."""
    _event("sign_in_failed", logging.WARNING, account=account, address=address)


def account_refused(backend: str, account: str, user: str | None, reason: str) -> None:
    """A directory did not let somebody in for a reason of its own: the account is locked, expired, ...

    `account` is what `sign_in_failed` has for the same attempt; `user` the name that the directory has.
    """
    _event("account_refused", logging.WARNING, backend=backend, account=account, user=user, reason=reason)


def sign_in_paused(limit: str, account: str, address: str, wait: float) -> None:
    """A sign-in was not even tried, because there were too many failures; `wait` in seconds."""
    _event("sign_in_paused", logging.WARNING, limit=limit, account=account, address=address, wait=round(wait))


def second_factor_set_up(identity: Identity, address: str) -> None:
    """Somebody has a second factor from now on."""
    _event("second_factor_set_up", backend=identity.backend, user=identity.uid, address=address)


def second_factor_removed(backend: str, user: str, by: str) -> None:
    """Somebody's second factor was removed, by themselves or by the operator."""
    _event("second_factor_removed", logging.WARNING, backend=backend, user=user, by=by)


def second_factor_failed(identity: Identity, address: str) -> None:
    """Somebody who knows the password, or is signed in, gave a wrong code."""
    backend, user = identity.backend, identity.uid
    _event("second_factor_failed", logging.WARNING, backend=backend, user=user, address=address)


def recovery_code_used(identity: Identity, address: str, left: int) -> None:
    """Somebody signed in with a recovery code; `left` are still unused."""
    backend, user = identity.backend, identity.uid
    _event("recovery_code_used", logging.WARNING, backend=backend, user=user, address=address, left=left)


def recovery_codes_renewed(identity: Identity, address: str) -> None:
    """Somebody has new recovery codes; the old ones count no more."""
    _event("recovery_codes_renewed", backend=identity.backend, user=identity.uid, address=address)


def signed_out(identity: Identity, address: str) -> None:
    """Somebody ended their session."""
    _event("signed_out", backend=identity.backend, user=identity.uid, address=address)


def session_ended(identity: Identity, by: str) -> None:
    """A session was ended from another one, or by the operator."""
    _event("session_ended", backend=identity.backend, user=identity.uid, by=by)


def header_refused(backend: str, address: str, reason: str) -> None:
    """A request said by a header who sends it, and was not believed; `address` is the connection's."""
    _event("header_refused", logging.WARNING, backend=backend, address=address, reason=reason)


def identity_refused(backend: str, subject: str, reason: str) -> None:
    """Somebody proved who they are to a backend, and may not be that person here."""
    _event("identity_refused", logging.WARNING, backend=backend, subject=subject, reason=reason)


def step_up_required(instance: str, identity: Identity, level: int) -> None:
    """A rule asks for a stronger sign-in than the session's."""
    _event(
        "step_up_required", instance=instance, backend=identity.backend, user=identity.uid, auth_level=level
    )


def signed_out_upstream(backend: str, sessions: int) -> None:
    """A provider ended a person's sessions; `sessions` is how many there were."""
    _event("signed_out_upstream", backend=backend, sessions=sessions)


def bearer_token_refused(instance: str, address: str, reason: str) -> None:
    """A bearer token does not prove who asks; nobody knows who that was."""
    _event("bearer_token_refused", logging.WARNING, instance=instance, address=address, reason=reason)


def token_issued(*rows: IssuanceRow) -> None:
    """Tokens leave the house: a line for each, in one write."""
    _log.info([{"event": "token_issued", **_what_is_known(row)} for row in rows])


def _what_is_known(row: IssuanceRow) -> dict[str, object]:
    return {name: value for name, value in zip(_ISSUANCE, row, strict=True) if value is not None}


def token_refused(
    instance: str, identity: Identity, reason: str, room: str | None, tenant: str | None
) -> None:
    """A rule said no."""
    _event(
        "token_refused",
        logging.WARNING,
        instance=instance,
        backend=identity.backend,
        user=identity.uid,
        room=room,
        tenant=tenant,
        reason=reason,
    )


def user_verified(
    instance: str,
    user_id: str,
    room: str | None = None,
    is_member: bool | None = None,
    power_level: int | None = None,
) -> None:
    """Another system was told who a Matrix user is, and where they stand in a room."""
    _event(
        "user_verified",
        instance=instance,
        user=user_id,
        room=room,
        is_member=is_member,
        power_level=power_level,
    )


def user_not_verified(instance: str, reason: str, user_id: str | None) -> None:
    """Another system was told that somebody is nobody."""
    _event("user_not_verified", logging.WARNING, instance=instance, user=user_id, reason=reason)
