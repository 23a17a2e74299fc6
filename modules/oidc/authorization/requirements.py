"""How and how lately people must have signed in: `prompt`, `max_age`, `acr_values` (OIDC Core §3.1.2.1).

Whoever is sent to sign in anew comes back with the time at which that was asked for, `asked_at`: a sign-in
since then will do. A client that writes it itself spares its own people; it must look at `auth_time` anyway.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from authlib.oauth2.rfc6749.errors import OAuth2Error
from flask import redirect
from flask.typing import ResponseReturnValue

from issuer.errors import StepUpRequiredError
from issuer.store import Session
from issuer.web.urls import local
from modules.oidc.authorization.request import AuthorizationRequest
from modules.oidc.parameters import Parameters
from modules.oidc.provider import Provider

ASKED_AT = "asked_at"
LONGEST_SIGN_IN = 1800.0
"""Seconds that a sign-in may take."""
ANEW = {"login", "select_account"}


class UnmetError(OAuth2Error):
    """People cannot sign in as strongly as the client needs (OIDC Unmet Authentication Requirements §2)."""

    error = "unmet_authentication_requirements"
    description = "People cannot sign in like that here."


@dataclass(frozen=True, slots=True)
class SignInAgain:
    """A way to the sign-in page; `since` is when people must have signed in."""

    wanted: str
    since: float | None = None

    def answer(self) -> ResponseReturnValue:
        """Send the browser there."""
        query = {} if self.since is None else {"since": f"{self.since:.3f}"}
        return redirect(local("/login", **query, next=self.wanted), 303)


def sign_in_again(
    provider: Provider, asked: AuthorizationRequest, session: Session | None, parameters: Parameters
) -> SignInAgain | None:
    """Return the way to the sign-in page; None when the session will do.

    Raises:
        UnmetError: the client needs more than people can do here.
        StepUpRequiredError: people can sign in more strongly, and the client needs it.
    """
    now = provider.clock.now()
    if session is None or _too_old(asked, session, parameters, now):
        pairs = [*parameters.without(ASKED_AT), (ASKED_AT, f"{now:.3f}")]
        wanted = f"{provider.settings.path}/authorize?{urlencode(pairs)}"
        anew = session is not None or asked.prompt & ANEW
        return SignInAgain(wanted, now if anew else None)
    if asked.subject is not None and asked.subject != provider.subject(session.identity):
        raise UnmetError("Somebody else is signed in.", error="login_required")
    _judge_level(provider, asked, session)
    return None


def _too_old(asked: AuthorizationRequest, session: Session, parameters: Parameters, now: float) -> bool:
    since = _asked_at(parameters, now)
    if since is not None and session.auth_time >= since:
        return False
    return bool(asked.prompt & ANEW) or (
        asked.max_age is not None and now - session.auth_time > asked.max_age
    )


def _asked_at(parameters: Parameters, now: float) -> float | None:
    try:
        since = float(parameters.get(ASKED_AT, "nan"))
    except ValueError:
        return None
    return since if now - LONGEST_SIGN_IN < since <= now else None


def _judge_level(provider: Provider, asked: AuthorizationRequest, session: Session) -> None:
    """Ask for a stronger sign-in when none of the levels is reached; what is only wished for may fail."""
    wanted = [level_of(provider, name) for name in asked.acr_values]
    level = session.identity.auth_level
    if not wanted or min(wanted) <= level:
        return
    above = [able for able in provider.gateway.portal.levels_above(session.identity) if able >= min(wanted)]
    if above and "none" not in asked.prompt:
        raise StepUpRequiredError(f"{provider.instance}: acr_values", int(min(wanted)))
    if asked.wishes.essential_acr:
        raise UnmetError


def acr_of(provider: Provider, asked: AuthorizationRequest, session: Session) -> str:
    """Return the name of the level of a session (OIDC Core §2): one that was asked for, if it is reached."""
    level = session.identity.auth_level
    names = provider.settings.acr_values
    reached = [name for name in asked.acr_values if level_of(provider, name) <= level]
    if reached:
        return reached[0]
    known = [name for name, needs in sorted(names.items(), key=lambda item: -item[1]) if needs <= level]
    return known[0] if known else str(level)


def level_of(provider: Provider, name: str) -> float:
    """Return the auth level that a name stands for; one that is not known is never reached."""
    if name in provider.settings.acr_values:
        return provider.settings.acr_values[name]
    return int(name) if name.isascii() and name.isdecimal() and len(name) < 4 else float("inf")
