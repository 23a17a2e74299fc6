"""How and how lately people must have signed in: `prompt`, `max_age`, `acr_values` (OIDC Core §3.1.2.1)."""

from urllib.parse import quote, urlencode

from authlib.oidc.core.errors import LoginRequiredError
from flask import redirect
from flask.typing import ResponseReturnValue

from issuer.sessions import Session
from modules.oidc.authorization import Asked
from modules.oidc.parameters import Parameters
from modules.oidc.provider import Provider


def sign_in_again(
    provider: Provider, asked: Asked, session: Session | None, parameters: Parameters
) -> ResponseReturnValue | None:
    """Return the way to the sign-in page; None when the session will do."""
    if session is not None and not asked.prompt & {"login", "select_account"} and asked.max_age is None:
        return None
    if session is not None:
        raise LoginRequiredError("Asking people to sign in again is not supported yet.")
    query = urlencode(parameters.without())
    wanted = f"{provider.settings.path}/authorize?{query}"
    return redirect(f"/login?next={quote(wanted, safe='/')}", 303)


def acr_of(provider: Provider, asked: Asked, session: Session) -> str:
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
    return int(name) if name.isascii() and name.isdecimal() and len(name) < 6 else float("inf")
