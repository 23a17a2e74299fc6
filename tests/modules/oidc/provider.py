"""A provider in this process, and what clients and browsers do with it."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from issuer.testing import LocalGateway

SECRET = "k7Zq2mWx9Tb4Vd8Rf1Lc6Yp3"
REDIRECT = "https://wiki.example.com/callback"
APP_REDIRECT = "http://127.0.0.1/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
OURS = {"Sec-Fetch-Site": "same-origin"}
CLIENTS: dict[str, Any] = {
    "wiki": {"name": "Wiki", "secret": SECRET, "redirect_uris": [REDIRECT], "trusted": True},
    "app": {"name": "App", "redirect_uris": [APP_REDIRECT], "trusted": True},
}
ROTATING: dict[str, Any] = {
    "wiki": {**CLIENTS["wiki"], "refresh_token_rotation": True, "refresh_token_grace": "0"}
}
"""A client each of whose refresh tokens counts once."""


@dataclass
class Provider:
    """The instance at /oidc."""

    gateway: LocalGateway
    path: str = "/oidc"
    secrets: dict[str, str] = field(default_factory=lambda: {"wiki": SECRET})

    @property
    def issuer(self) -> str:
        return f"https://auth.example.com{self.path}"

    def url(self, client: str = "wiki", **changes: Any) -> str:
        """The authorization request of a client; None takes a parameter away."""
        asked = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": REDIRECT if client == "wiki" else APP_REDIRECT,
            "scope": "openid profile email groups",
            "state": "a state",
            "nonce": "a-nonce",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        query = urlencode({name: value for name, value in asked.items() if value is not None}, doseq=True)
        return f"{self.path}/authorize?{query}"

    def code(self, browser: FlaskClient, client: str = "wiki", **changes: Any) -> str:
        """A code for whoever is signed in in a browser."""
        answer = self.told(browser.get(self.url(client, **changes)))
        assert "code" in answer, answer
        return answer["code"]

    def told(self, answer: TestResponse) -> dict[str, str]:
        """What a client reads from an authorization response."""
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return dict(parse_qsl(urlsplit(str(answer.location)).query))

    def token(self, client: str | None = "wiki", **form: Any) -> TestResponse:
        """A request to the token endpoint, with the client's secret as a parameter."""
        return self.post("/token", client, **{"grant_type": "authorization_code", **form})

    def post(self, path: str, client: str | None = "wiki", **form: Any) -> TestResponse:
        """A request of a client to an endpoint."""
        known = {"client_id": client, "client_secret": self.secrets.get(client or "")}
        data = {name: value for name, value in {**known, **form}.items() if value is not None}
        body = urlencode(data, doseq=True)
        return self.gateway.client().post(
            self.path + path, data=body, content_type="application/x-www-form-urlencoded"
        )

    def exchange(self, code: str, client: str = "wiki", **changes: Any) -> TestResponse:
        form = {
            "code": code,
            "redirect_uri": REDIRECT if client == "wiki" else APP_REDIRECT,
            "code_verifier": VERIFIER,
        }
        return self.token(client, **{**form, **changes})

    def tokens(self, browser: FlaskClient, client: str = "wiki", **changes: Any) -> dict[str, Any]:
        """Sign in a client: code and exchange."""
        redirect = {"redirect_uri": changes["redirect_uri"]} if "redirect_uri" in changes else {}
        answer = self.exchange(self.code(browser, client, **changes), client, **redirect)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        found: dict[str, Any] = answer.get_json()
        return found

    def refresh(self, token: str, client: str = "wiki", **form: Any) -> TestResponse:
        return self.token(client, grant_type="refresh_token", refresh_token=token, **form)

    def userinfo(self, token: str) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"}
        return self.gateway.client().get(f"{self.path}/userinfo", headers=headers)

    def is_good(self, token: str) -> bool:
        """Whether an access token is still taken."""
        return self.userinfo(token).status_code == 200


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def signed_by(token: str, keys: dict[str, Any]) -> dict[str, Any]:
    """Verify a token with a key set, as a client does (PyJWT); return its claims."""
    header = jwt.get_unverified_header(token)
    key = next(jwt.PyJWK(key, header["alg"]) for key in keys["keys"] if key["kid"] == header["kid"])
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
    found: dict[str, Any] = jwt.decode(token, key, [header["alg"]], options=options)  # type: ignore[arg-type]
    return found
