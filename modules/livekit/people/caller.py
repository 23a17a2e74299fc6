"""Who asks: whoever is signed in at the portal, or whom a bearer token names."""

from flask import Request

from issuer.bearer import TokenIssuer, TokenRefusedError, TokenVerifier, bearer_token
from issuer.identity import Identity
from issuer.module import Gateway
from issuer.observability import audit
from modules.livekit.people.errors import BearerRefusedError, SignedOutError
from modules.livekit.people.origins import Origins
from modules.livekit.people.settings import PeopleSettings


class Caller:
    """Finds who asks. A request with an `Authorization` header is judged by that alone."""

    def __init__(self, settings: PeopleSettings, gateway: Gateway, origins: Origins) -> None:
        self._gateway = gateway
        self._origins = origins
        self._audience = settings.audience
        self._verifier = TokenVerifier(gateway.clock)
        trusted = (item.open(gateway.upstream, gateway.clock) for item in settings.trusted_issuers)
        self._trusted = {issuer.issuer: issuer for issuer in trusted}

    def identity(self, request: Request) -> Identity:
        """Return who asks.

        Raises:
            CallerError: nobody who may.
            issuer.bearer.KeysUnavailableError: the keys of a trusted issuer cannot be had now.
        """
        token = bearer_token(request.environ.get("HTTP_AUTHORIZATION"))
        if token is not None:
            return self._by_token(token)
        session = self._gateway.session()
        if session is None:
            raise SignedOutError("no session and no bearer token")
        self._origins.check_session(request)
        return session.identity

    def _by_token(self, token: str) -> Identity:
        if self._audience is None:
            raise self._refused("people.audience is not set, so no bearer token is taken")
        try:
            return self._verifier.verify(token, self._issuer, self._audience).identity()
        except TokenRefusedError as error:
            raise self._refused(str(error)) from None

    def _refused(self, reason: str) -> BearerRefusedError:
        audit.bearer_token_refused(self._gateway.instance, self._gateway.address(), reason)
        return BearerRefusedError(reason)

    def _issuer(self, name: str) -> TokenIssuer | None:
        return self._trusted.get(name) or self._gateway.own_issuer(name)
