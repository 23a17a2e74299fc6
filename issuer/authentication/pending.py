"""Steps that a browser has begun and not finished: a sign-in between password and code, an app being set up.

It is no session: nothing but the pages of the second factor looks at it. The browser holds its id in a cookie
of its own, the store the SHA-256 of that.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request
from werkzeug.wrappers import Response

from issuer.authentication.sessions import ID_BYTES, hash_id
from issuer.identity import Identity
from issuer.store import PendingStep, Store
from issuer.web.cookies import Cookies
from issuer.world import Clock, Randomness

CODE_LIFETIME = 300.0
"""Seconds in which a code must be given: a step does not hear of a new password in a directory."""
SET_UP_LIFETIME = 600.0
"""Seconds in which an app must be set up; whoever has none installs one meanwhile."""


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """What must be known to go on."""

    identity: Identity
    """Who gave the right password."""
    account: str
    """Under which failures are counted, and the browser is remembered."""
    goal: str
    """Where the browser goes on after sign-in."""
    sealed: bytes | None = field(default=None, repr=False)
    """The secret of an app that is being set up."""
    signed_in: bool = False
    """Somebody who is signed in sets the app up, at will."""


class PendingSignIns:
    """The steps of browsers."""

    def __init__(self, store: Store, cookies: Cookies, clock: Clock, randomness: Randomness) -> None:
        """Keep where steps are."""
        self._rows = store.pending_steps
        self._cookies = cookies
        self._clock = clock
        self._randomness = randomness

    def begin(self, pending: PendingSignIn, answer: Response) -> None:
        """Keep a step, and give the browser its id."""
        step_id = base64.urlsafe_b64encode(self._randomness.bytes(ID_BYTES)).rstrip(b"=").decode()
        who = pending.identity
        lifetime = SET_UP_LIFETIME if pending.sealed else CODE_LIFETIME
        expires = self._clock.now() + lifetime
        self._rows.add(PendingStep(hash_id(step_id), who.backend, who.subject, _dumped(pending), expires))
        self._cookies.set_pending(answer, step_id, int(lifetime))

    def current(self) -> PendingSignIn | None:
        """Return the step of the browser, None when it has none or took too long."""
        step_id = self._cookies.pending(request)
        row = self._rows.get(hash_id(step_id)) if step_id else None
        return _loaded(row.content) if row else None

    def finish(self, answer: Response) -> bool:
        """Take the step away from the browser; tell whether it was still there. One of many calls wins."""
        step_id = self._cookies.pending(request)
        self._cookies.forget_pending(answer)
        return bool(step_id) and self._rows.finish(hash_id(step_id or ""))


def _dumped(pending: PendingSignIn) -> dict[str, object]:
    return {
        "identity": pending.identity.to_row(),
        "account": pending.account,
        "goal": pending.goal,
        "sealed": base64.b64encode(pending.sealed).decode() if pending.sealed else None,
        "signed_in": pending.signed_in,
    }


def _loaded(content: Mapping[str, Any]) -> PendingSignIn:
    sealed = content["sealed"]
    return PendingSignIn(
        identity=Identity.from_row(content["identity"]),
        account=content["account"],
        goal=content["goal"],
        sealed=base64.b64decode(sealed) if sealed else None,
        signed_in=content["signed_in"],
    )
