"""How and how lately people must have signed in: `prompt`, `max_age`, `acr_values` (OIDC Core §3.1.2.1).

Whoever is sent to sign in anew comes back with the time at which that was asked for, in `asked_at`, which we
sign (`modules.oidc.authorization.asked`): a sign-in since then will do.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from authlib.oauth2.rfc6749.errors import OAuth2Error
from flask import redirect
from flask.typing import ResponseReturnValue

from issuer.errors import StepUpRequiredError
from issuer.store import Session
from issuer.web.urls import local
from modules.oidc.authorization.asked import asked_at, use_time, with_time
from modules.oidc.authorization.request import AuthorizationRequest
from modules.oidc.parameters import Parameters
from modules.oidc.provider import Provider

ANEW = {"login", "select_account"}


class UnmetError(OAuth2Error):
    """People cannot sign in as strongly as the client needs (OIDC Unmet Authentication Requirements §2)."""

    error = "unmet_authentication_requirements"
    description = "People cannot sign in like that here."


@dataclass(frozen=True, slots=True)
class SignInAgain:
    """A way to the sign-in page; `since` is when people must have signed in."""

    return_to: str
    since: float | None = None

    def answer(self) -> ResponseReturnValue:
        """Send the browser there."""
        query = {} if self.since is None else {"since": f"{self.since:.3f}"}
        return redirect(local("/login", **query, next=self.return_to), 303)


def sign_in_again(
    provider: Provider, asked: AuthorizationRequest, session: Session | None, parameters: Parameters
) -> SignInAgain | None:
    """Return the way to the sign-in page; None when the session will do.

    Raises:
        UnmetError: the client needs more than people can do here.
        StepUpRequiredError: people can sign in more strongly, and the client needs it.
    """
    now = provider.clock.now()
    if session is None or _too_old(provider, asked, session, parameters):
        anew = session is not None or asked.prompt & ANEW
        return _way(provider, parameters, now, now if anew else None)
    if asked.subject is not None and asked.subject != provider.subject(session.identity):
        raise UnmetError("Somebody else is signed in.", error="login_required")
    _judge_level(provider, asked, session)
    return None


def _too_old(
    provider: Provider, asked: AuthorizationRequest, session: Session, parameters: Parameters
) -> bool:
    now = provider.clock.now()
    if not _needs_time(asked, session, now):
        return False
    since = asked_at(provider, parameters, now)
    return since is None or session.auth_time < since


def _needs_time(asked: AuthorizationRequest, session: Session, now: float) -> bool:
    """Tell whether a session will do only if it began after the client asked."""
    return bool(asked.prompt & ANEW) or (
        asked.max_age is not None and now - session.auth_time > asked.max_age
    )


def spent_again(
    provider: Provider, asked: AuthorizationRequest, session: Session, parameters: Parameters
) -> SignInAgain | None:
    """Use up the sign-in that was asked for; return the way to another one when it gave a code before."""
    now = provider.clock.now()
    if not _needs_time(asked, session, now) or use_time(provider, parameters):
        return None
    return _way(provider, parameters, now, now)


def _way(provider: Provider, parameters: Parameters, now: float, since: float | None) -> SignInAgain:
    query = urlencode(with_time(provider, parameters, now))
    return SignInAgain(f"{provider.settings.path}/authorize?{query}", since)


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
