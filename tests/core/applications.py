"""The applications of the house: clients of its OpenID Provider, and everything that they get and send."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt as other
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from issuer.testing import LocalGateway, tokens_in
from modules.oidc.clients.authentication import ASSERTION_TYPE
from modules.oidc.grants.exchange import ACCESS_TOKEN, MATRIX_OPENID
from modules.oidc.settings import TOKEN_EXCHANGE
from tests.modules.oidc import test_device as device
from tests.modules.oidc.provider import REDIRECT, SECRET, Provider

API = "https://api.example.com/"
WIKI: dict[str, Any] = {
    "secret": SECRET,
    "redirect_uris": [REDIRECT],
    "trusted": True,
    "grant_types": ["authorization_code", "refresh_token", "client_credentials", TOKEN_EXCHANGE],
    "scopes": ["openid", "profile", "email", "groups", "read"],
    "resources": [API],
}
ONCE = {"refresh_token_rotation": True, "refresh_token_grace": "0"}
GONE = "http://127.0.0.1:9/logout"
"""Where a client was that should hear of a sign-out."""


def provider_options(folder: Path, server_name: str) -> dict[str, Any]:
    """The section of the provider; the key of the client `robot` is in the folder."""
    key = ECKey.generate_key("P-256")
    for name, private in (("robot.json", True), ("robot-public.json", False)):
        (folder / name).write_text(json.dumps({"keys": [key.as_dict(private=private)]}))
    robot = {"jwks_file": "robot-public.json", "grant_types": ["client_credentials"], "scopes": ["read"]}
    clients = {"wiki": {**WIKI, **ONCE, "backchannel_logout_uri": GONE}, "robot": robot, **device.TV}
    return {"clients": clients, "matrix_homeservers": [server_name]}


class Applications:
    """The clients at work; `secrets` are what they were given and what they proved themselves with."""

    def __init__(self, gateway: LocalGateway, folder: Path) -> None:
        self.provider = Provider(gateway)
        self.browser = gateway.sign_in("dwho")
        self.folder = folder
        self.secrets = {SECRET}
        self.refused: list[TestResponse] = []

    def keep(self, answer: TestResponse, *names: str) -> dict[str, Any]:
        """Note the secrets of an answer; of a JWT the signature, which is nowhere else."""
        assert answer.status_code in {200, 201}, answer.text
        found: dict[str, Any] = answer.get_json()
        self.secrets |= {found[name] for name in names}
        self.secrets |= {token.rpartition(".")[2] for token in tokens_in(answer)}
        return found

    def refuse(self, answer: TestResponse) -> None:
        assert answer.status_code >= 400, answer.text
        self.refused.append(answer)

    def sign_in(self) -> dict[str, Any]:
        """A pushed request that holds an ID token, its code and its tokens."""
        provider, hint = self.provider, self.provider.tokens(self.browser)["id_token"]
        asked = dict(parse_qsl(urlsplit(provider.url()).query)) | {"id_token_hint": hint}
        pushed = self.keep(provider.post("/par", **asked), "request_uri")["request_uri"]
        url = f"/oidc/authorize?{urlencode({'client_id': 'wiki', 'request_uri': pushed})}"
        code = provider.told(self.browser.get(url))["code"]
        self.secrets |= {code, pushed.rpartition(":")[2], hint.rpartition(".")[2]}
        self.refuse(self.browser.get(url))
        return self.keep(provider.exchange(code), "refresh_token")

    def replay(self) -> None:
        """A code that comes again."""
        code = self.provider.code(self.browser)
        self.secrets.add(code)
        self.keep(self.provider.exchange(code), "refresh_token")
        self.refuse(self.provider.exchange(code))

    def use(self, tokens: dict[str, Any]) -> None:
        """Userinfo, introspection, exchange, refresh, and a refresh token that comes again."""
        provider, access = self.provider, tokens["access_token"]
        assert provider.is_good(access)
        assert provider.post("/introspect", token=access).get_json()["active"]
        form = {"subject_token": access, "subject_token_type": ACCESS_TOKEN, "resource": API}
        self.keep(provider.token(grant_type=TOKEN_EXCHANGE, **form))
        self.keep(provider.refresh(tokens["refresh_token"]), "refresh_token")
        self.refuse(provider.refresh(tokens["refresh_token"]))
        assert provider.post("/revoke", token=access).status_code == 200

    def assertion(self) -> str:
        """A new assertion of the client `robot`."""
        (key,) = json.loads((self.folder / "robot.json").read_text())["keys"]
        now, jti = int(self.provider.gateway.clock.now()), f"number {len(self.secrets)}"
        claims = {"iss": "robot", "sub": "robot", "aud": self.provider.issuer, "exp": now + 60, "jti": jti}
        made: str = other.encode({"alg": "ES256"}, claims, ECKey.import_key(key))
        self.secrets.add(made.rpartition(".")[2])
        return made

    def prove(self) -> None:
        """A client with a key, and its assertion a second time."""
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion()}
        form = {"grant_type": "client_credentials", **proof}
        self.keep(self.provider.token(None, **form))
        self.refuse(self.provider.token(None, **form))

    def let_a_device_in(self) -> None:
        """Both codes of a device, and what it gets for them."""
        begun = device.begin(self.provider)
        self.secrets |= {begun["device_code"], begun["user_code"], begun["user_code"].replace("-", "")}
        self.refuse(device.poll(self.provider, begun["device_code"]))
        device.decide(self.browser, begun["user_code"], "allow")
        self.provider.gateway.clock.advance(30)
        self.keep(device.poll(self.provider, begun["device_code"]), "refresh_token")
        again = self.browser.get("/oidc/device", query_string={"user_code": begun["user_code"]})
        assert again.status_code == 404

    def exchange_openid(self, token: str, server_name: str) -> None:
        """A Matrix OpenID token."""
        form = {"subject_token_type": MATRIX_OPENID, "matrix_server_name": server_name, "resource": API}
        self.keep(self.provider.token(grant_type=TOKEN_EXCHANGE, subject_token=token, **form))
        self.refuse(self.provider.token(grant_type=TOKEN_EXCHANGE, subject_token=f"{token}x", **form))

    def sign_out(self) -> None:
        """With an ID token; the client that should hear of it is not there."""
        tokens = self.provider.tokens(self.browser)
        answer = self.browser.get("/oidc/logout", query_string={"id_token_hint": tokens["id_token"]})
        assert answer.status_code == 303

    def mistakes(self, tokens: dict[str, Any]) -> None:
        """Secrets and tokens where they do not belong."""
        provider, plain = self.provider, self.provider.gateway.client()
        access, refresh = tokens["access_token"], tokens["refresh_token"]
        for form in ({"code": refresh}, {"grant_type": refresh}, {"scope": access}, {"client_id": SECRET}):
            self.refuse(provider.token(**form))
        self.refuse(provider.refresh(refresh, client_secret=f"{SECRET}x"))
        self.refuse(provider.token(grant_type=TOKEN_EXCHANGE, subject_token=refresh, subject_token_type="x"))
        self.refuse(plain.post(f"/oidc/token?client_secret={SECRET}", data={"code": refresh}))
        self.refuse(plain.post("/oidc/token", json={"client_secret": SECRET, "refresh_token": refresh}))
        self.refuse(plain.post("/oidc/par", data={"request_uri": refresh, "client_secret": SECRET}))
        self.refuse(plain.get("/oidc/userinfo", headers={"Authorization": f"Bearer {refresh}"}))
        self.refuse(plain.get("/oidc/logout", query_string={"id_token_hint": f"{access}x"}))
        self.refuse(self.browser.get(provider.url(client_id=SECRET)))
        self.refuse(self.browser.get(provider.url(redirect_uri=f"https://{SECRET}/")))
