"""Judges what a provider signs: ID tokens (OIDC Core §3.1.3.7), logout tokens (Back-Channel Logout §2.6)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jwt
from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from issuer.backends.oidc.errors import ProviderAnswerError
from issuer.bearer import ALGORITHMS, Keys
from issuer.world import Clock

if TYPE_CHECKING:
    from jwt.types import Options

LONGEST = 32768
"""Characters of a token; a longer one is not even read."""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TYPES = {"", "jwt", "logout+jwt"}
LOGOUT_AGE = 300.0
"""Seconds after which a logout token is too old."""
NO_CHECKS: "Options" = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
}
"""Those are made after the signature, by our clock."""
BAD = (jwt.PyJWTError, JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)

Claims = Mapping[str, Any]


class TokenJudge:
    """Judges the tokens of one provider for one client."""

    def __init__(self, clock: Clock, issuer: str, client_id: str, skew: float) -> None:
        """Keep whose tokens these are, for whom, and by how many seconds the provider's clock may differ."""
        self._clock = clock
        self._client_id = client_id
        self._skew = int(skew)
        self._expected = {
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": client_id},
            "iat": {"essential": True},
        }

    def id_token(self, token: str, keys: Keys, nonce: str, access_token: str, begun: float) -> Claims:
        """Return the claims of an ID token that answers a request with this nonce, begun at this moment.

        Raises:
            ProviderAnswerError: it is not good; the message says why, and holds nothing of the token.
            issuer.errors.UnavailableError: the provider's keys cannot be had now.
        """
        header, claims = self._signed(token, keys)
        parameters = {"nonce": nonce, "client_id": self._client_id, "access_token": access_token}
        self._judge(header, claims, parameters)
        if not nonce or claims.get("nonce") != nonce:  # Authlib looks at it only when one was asked for
            raise ProviderAnswerError("an ID token has another nonce than the sign-in that it answers")
        if claims["iat"] < begun - self._skew:
            raise ProviderAnswerError("an ID token is older than the sign-in that it answers")
        return claims

    def renewed(self, token: str, keys: Keys, access_token: str) -> Claims:
        """Return the claims of an ID token that came for a refresh token (OIDC Core §12.2).

        It answers no sign-in: there is no nonce to look at. Raises as `id_token`.
        """
        header, claims = self._signed(token, keys)
        self._judge(header, claims, {"client_id": self._client_id, "access_token": access_token})
        return claims

    def logout_token(self, token: str, keys: Keys) -> Claims:
        """Return the claims of a logout token; whether it was used before is for others to say.

        Raises:
            ProviderAnswerError: it is not good.
            issuer.errors.UnavailableError: the provider's keys cannot be had now.
        """
        header, claims = self._signed(token, keys)
        events = claims.get("events")
        if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
            raise ProviderAnswerError("a logout token is none: it has no such event")
        if "nonce" in claims or str(header.get("typ", "")).lower() not in LOGOUT_TYPES:
            raise ProviderAnswerError("a logout token is of another kind")
        named = [claims[name] for name in ("sub", "sid") if name in claims]
        texts = [*named, claims.get("jti")]
        if not named or not all(isinstance(text, str) and text for text in texts):
            raise ProviderAnswerError("a logout token has no jti, or neither sub nor sid")
        self._judge(header, {"sub": "", "exp": self._soon(), **claims}, {})
        if claims["iat"] < self._clock.now() - LOGOUT_AGE - self._skew:
            raise ProviderAnswerError("a logout token is too old")
        return claims

    def _soon(self) -> int:
        """Return an `exp` for logout tokens without one, which drafts of the specification allowed."""
        return int(self._clock.now()) + 1

    def _signed(self, token: str, keys: Keys) -> tuple[Claims, Claims]:
        """Return header and claims once the signature is good: asymmetric, and by a key of the provider's."""
        if len(token) > LONGEST:
            raise ProviderAnswerError(f"a token has more than {LONGEST} characters")
        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
                raise ProviderAnswerError("a token has an algorithm that is not taken, or no signature")
            key = keys.key(header.get("kid"), algorithm)
            if key is None:
                raise ProviderAnswerError("a token is signed with a key that the provider does not publish")
            return header, jwt.decode(token, key, [algorithm], options=NO_CHECKS)
        except BAD as error:
            raise ProviderAnswerError(f"a token cannot be read: {type(error).__name__}") from None

    def _judge(self, header: Claims, claims: Claims, parameters: dict[str, str]) -> None:
        judged = CodeIDToken(dict(claims), dict(header), self._expected, parameters)
        try:
            judged.validate(now=int(self._clock.now()), leeway=self._skew)
        except BAD as error:
            reason = f"{type(error).__name__} {getattr(error, 'claim', '')}".strip()
            raise ProviderAnswerError(f"a token is not good: {reason}") from None
