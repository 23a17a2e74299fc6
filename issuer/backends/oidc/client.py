"""Asks a provider: Authlib's client, whose requests go out as all others do (`issuer.upstream`)."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc.jwk import ECKey, OKPKey, RSAKey

from issuer.backends.oidc.errors import ProviderAnswerError, ProviderDownError
from issuer.backends.oidc.settings import OidcBackendSettings
from issuer.keys.material import private_pem
from issuer.keys.parsing import parse_private
from issuer.upstream import Party, Upstream, UpstreamError, UpstreamResponse

WHO_WE_ARE = {"invalid_client", "unauthorized_client"}
"""Errors of a provider that does not take us for the client (RFC 6749 §5.2)."""


CODE = re.compile(r"[A-Za-z0-9_]{1,60}")


class TokenRequestRefusedError(ProviderAnswerError):
    """The token endpoint said no; `reason` is its error code (RFC 6749 §5.2)."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the token endpoint refused: {reason}")
        self.reason = reason


class _Reply:
    """An answer as Authlib looks at it."""

    def __init__(self, answer: UpstreamResponse) -> None:
        self._answer = answer
        self.status_code = answer.status

    def json(self) -> object:
        """Leave out the provider's words: Authlib takes offence at some, and nobody reads them here."""
        found = self._answer.json()
        if isinstance(found, dict):
            found.pop("error_description", None)
        return found

    def raise_for_status(self) -> None:
        raise ProviderDownError(f"the token endpoint answers with status {self.status_code}")


class _Sender:
    """What Authlib sends with."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: ClientAuth) -> _Reply:
        prepare: Callable[..., tuple[str, dict[str, str], str]] = auth.prepare
        url, sent, body = prepare("POST", url, dict(headers), urlencode(data))
        return _Reply(self._upstream.post(url, named_by=Party.OPERATOR, body=body.encode(), headers=sent))


class ProviderClient:
    """This gateway as a client of one provider."""

    def __init__(self, settings: OidcBackendSettings, upstream: Upstream, redirect_uri: str) -> None:
        """Read the key, if there is one; raise `issuer.keys.KeyRingError` when it cannot be read."""
        self._settings = settings
        self._upstream = upstream
        self._redirect_uri = redirect_uri
        self._secret: Any = settings.client_secret.get_secret_value() if settings.client_secret else None
        self._key_auth: PrivateKeyJWT | None = None
        if settings.client_auth == "private_key_jwt" and settings.client_key:
            self._secret, algorithm = _signing_key(settings.client_key.get_secret_value())
            header = {"kid": settings.client_key_id} if settings.client_key_id else None
            self._key_auth = PrivateKeyJWT(headers=header, alg=algorithm)

    def authorization_url(self, endpoint: str, state: str, verifier: str, **parameters: str) -> str:
        """Return where a browser is sent (OIDC Core §3.1.2.1, with PKCE: RFC 7636 §4.3)."""
        more = {**self._settings.parameters, **parameters}
        url: str = self._client().create_authorization_url(endpoint, state, verifier, **more)[0]
        return url

    def exchange(self, endpoint: str, code: str, verifier: str) -> Mapping[str, Any]:
        """Return the tokens for a code (RFC 6749 §4.1.3).

        Raises:
            TokenRequestRefusedError: the provider refused.
            ProviderDownError: it does not answer.
            ProviderAnswerError: it answers no tokens.
        """
        asked = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        found = self._tokens(self._client(), endpoint, **asked)
        if not isinstance(found.get("id_token"), str):
            raise ProviderAnswerError("the token endpoint gave no ID token")
        return found

    @staticmethod
    def _tokens(client: OAuth2Client, endpoint: str, **asked: str) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = client.fetch_token(endpoint, **asked)
        except UpstreamError as error:
            raise ProviderDownError(f"the token endpoint: {error}") from None
        except AuthlibBaseError as error:
            raise TokenRequestRefusedError(printable(error.error)) from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ProviderAnswerError(f"the token endpoint's answer: {type(error).__name__}") from None
        if not isinstance(found.get("access_token"), str):
            raise ProviderAnswerError("the token endpoint gave no access token")
        return found

    def refresh(self, endpoint: str, refresh_token: str) -> Mapping[str, Any]:
        """Return the tokens for a refresh token, for the scope that it has (RFC 6749 §6).

        There may be another refresh token among them, and an ID token. Raises as `exchange`.
        """
        client = self._client()
        client.scope = None
        found = self._tokens(client, endpoint, grant_type="refresh_token", refresh_token=refresh_token)
        if not all(isinstance(found.get(name, ""), str) for name in ("id_token", "refresh_token")):
            raise ProviderAnswerError("the token endpoint gave a token that is no text")
        return found

    def userinfo(self, endpoint: str, access_token: str) -> Mapping[str, Any]:
        """Return the claims of the userinfo endpoint (OIDC Core §5.3).

        Raises:
            ProviderDownError: it does not answer.
            ProviderAnswerError: it answers something else.
        """
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        try:
            answer = self._upstream.get(endpoint, named_by=Party.OPERATOR, headers=headers)
            claims = answer.json() if answer.status == 200 else None
        except UpstreamError as error:
            raise ProviderDownError(f"the userinfo endpoint: {error}") from None
        if not isinstance(claims, dict):
            raise ProviderAnswerError(f"the userinfo endpoint gave no claims (status {answer.status})")
        return claims

    def _client(self) -> OAuth2Client:
        client = OAuth2Client(
            _Sender(self._upstream),
            client_id=self._settings.client_id,
            client_secret=self._secret,
            token_endpoint_auth_method=self._settings.client_auth,
            scope=self._settings.scope,
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
        )
        client.register_client_auth_method(("client_secret_basic", _basic))
        if self._key_auth:
            client.register_client_auth_method(self._key_auth)
        return client


def _basic(
    client: Any, _method: str, uri: str, headers: dict[str, str], body: str
) -> tuple[str, dict[str, str], str]:
    """Add the client's name and secret, encoded as RFC 6749 §2.3.1 wants it, which Authlib leaves out."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return uri, headers, body


def _signing_key(text: str) -> tuple[RSAKey | ECKey | OKPKey, str]:
    private, _kid = parse_private(text.encode())
    pem = private_pem(private)
    match private:
        case RSAPrivateKey():
            return RSAKey.import_key(pem), "RS256"
        case EllipticCurvePrivateKey():
            return ECKey.import_key(pem), "ES256"
    return OKPKey.import_key(pem), "EdDSA"


def printable(code: object) -> str:
    """Return an error code of a provider as a log may have it, "?" when it looks like none."""
    return code if isinstance(code, str) and CODE.fullmatch(code) else "?"
