"""When a sign-in was asked for: a parameter of our own in the address of a request, which we sign.

It is what a browser comes back with from the sign-in page. Whoever sits at the browser can change, remove or
copy it: it counts for the very text of one request at one instance, and for one code. Without a valid one
people are asked to sign in, as the client wants.
"""

import base64
import hashlib
import hmac
import re
from urllib.parse import urlencode

from modules.oidc.parameters import Parameters
from modules.oidc.provider import KEY_USE, Provider

ASKED_AT = "asked_at"
LONGEST_SIGN_IN = 1800.0
"""Seconds that a sign-in may take."""
PURPOSE = b"issuer oidc: when a sign-in was asked for"
WRITTEN = re.compile(r"[0-9]{1,12}\.[0-9]{3}\.[A-Za-z0-9_-]{43}", re.ASCII)


def with_time(provider: Provider, parameters: Parameters, now: float) -> list[tuple[str, str]]:
    """Return the pairs of a request with the signed time at which its sign-in is asked for."""
    pairs, moment = parameters.without(ASKED_AT), f"{now:.3f}"
    signature = _signature(_secrets(provider)[0], provider, pairs, moment)
    return [*pairs, (ASKED_AT, f"{moment}.{signature}")]


def asked_at(provider: Provider, parameters: Parameters, now: float) -> float | None:
    """Return when the sign-in of a request was asked for (seconds since 1970), None when it is unknown."""
    said = parameters.get(ASKED_AT, "")
    if not WRITTEN.fullmatch(said):
        return None
    moment, _, signature = said.rpartition(".")
    since, pairs = float(moment), parameters.without(ASKED_AT)
    if not now - LONGEST_SIGN_IN < since <= now:
        return None
    ours = [_signature(secret, provider, pairs, moment) for secret in _secrets(provider)]
    return since if any(hmac.compare_digest(one, signature) for one in ours) else None


def use_time(provider: Provider, parameters: Parameters) -> bool:
    """Use up the time that a request has, if it has one; tell whether it was still there."""
    said = parameters.get(ASKED_AT)
    return said is None or provider.once.use(
        f"{provider.instance} asked_at {said}", provider.clock.now() + LONGEST_SIGN_IN
    )


def _secrets(provider: Provider) -> tuple[bytes, ...]:
    return provider.gateway.keys.secrets(KEY_USE, PURPOSE)


def _signature(secret: bytes, provider: Provider, pairs: list[tuple[str, str]], moment: str) -> str:
    text = "\n".join([provider.instance, moment, urlencode(pairs)])
    signed = hmac.digest(secret, text.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()
