"""The routes and abilities of an OpenID Provider."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import click
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from issuer.bearer import TokenIssuer
from issuer.check import Check
from issuer.errors import Refusal
from issuer.keys import KeyRingError
from issuer.module import ConfigurationError, Gateway, Module, RootRoute, Tile
from issuer.settings.problems import ConfigError, Problem
from issuer.store import Session, StoreError, Tables
from issuer.web.cors import with_preflight
from modules.oidc import audit
from modules.oidc.applications import Applications
from modules.oidc.authorization.endpoint import AuthorizationEndpoint
from modules.oidc.clients.authentication import PrivateKeyJwt
from modules.oidc.clients.client import Client
from modules.oidc.commands import client
from modules.oidc.endpoints.device_authorization import DeviceAuthorization
from modules.oidc.endpoints.discovery import DiscoveryEndpoint
from modules.oidc.endpoints.introspection import Introspection
from modules.oidc.endpoints.logout import LogoutEndpoint
from modules.oidc.endpoints.par import PushedAuthorization
from modules.oidc.endpoints.revocation import Revocation
from modules.oidc.endpoints.userinfo import UserInfo
from modules.oidc.grants.base import bound
from modules.oidc.grants.client_credentials import ClientGrant
from modules.oidc.grants.code import CodeGrant, Pkce
from modules.oidc.grants.device import DeviceGrant
from modules.oidc.grants.exchange import ExchangeGrant
from modules.oidc.grants.refresh import RefreshGrant
from modules.oidc.provider import KEY_USE, Provider
from modules.oidc.server import (
    CORS,
    NO_STORE,
    ProviderRequest,
    TokenEndpoint,
    TokenServer,
    allow,
    form_endpoint,
    quiet,
)
from modules.oidc.settings import OidcSettings
from modules.oidc.sign_out import SignOuts
from modules.oidc.store.tables import TABLES
from modules.oidc.tokens.access import AccessTokens

GRANTS = (RefreshGrant, ClientGrant, DeviceGrant, ExchangeGrant)
PAGES = ("/authorize", "/consent", "/applications", "/logout", "/device")
WELL_KNOWN = "/.well-known/openid-configuration"


View = Callable[[], ResponseReturnValue]


class OidcModule(Module):
    """Signs people in to applications."""

    name = "oidc"
    title = "OpenID Connect"
    key_uses = (KEY_USE,)
    Settings = OidcSettings
    settings: OidcSettings

    def __init__(self, settings: OidcSettings, gateway: Gateway) -> None:
        """Compile the rules, and find the signing keys.

        Raises:
            ExceptionGroup: of RuleError, rules and expressions that do not compile.
            ConfigurationError: an algorithm has no key.
        """
        super().__init__(settings, gateway)
        quiet()
        self.provider = Provider(settings, gateway)
        self._tokens = AccessTokens(self.provider)
        self._check_keys()
        self._server = self._make_server()
        self._discovery = DiscoveryEndpoint(self.provider)
        self._sign_outs = SignOuts(self.provider)
        self._devices = DeviceAuthorization(self.provider, self._server)

    @classmethod
    def tables(cls) -> Tables:
        """Return the module's tables."""
        return TABLES

    def _make_server(self) -> TokenServer:
        provider = self.provider
        audiences = (provider.issuer, provider.url("/token"))
        private_key_jwt = PrivateKeyJwt(audiences, provider.once, provider.clock)
        server = TokenServer(provider.registry, private_key_jwt, self._client_refused)
        server.register_grant(bound(CodeGrant, provider), [Pkce()])
        for grant in GRANTS:
            server.register_grant(bound(grant, provider))
        return server

    def _client_refused(self, client_id: str | None, reason: str) -> None:
        audit.client_refused(self.gateway.instance, client_id, reason, self.gateway.address())

    def blueprint(self) -> Blueprint:
        """Return the endpoints; the start ends here when a client's Jitsi instance is not there."""
        self._check_instances()
        routes = Blueprint("oidc", __name__, template_folder="templates")
        authorization = AuthorizationEndpoint(self.provider)
        add: Callable[..., None] = routes.add_url_rule
        add(WELL_KNOWN, "configuration", self._discovery.configuration)
        add("/jwks", "jwks", self._discovery.jwks)
        add("/authorize", "authorize", authorization.authorize, methods=["GET", "POST"])
        add("/logout", "logout", LogoutEndpoint(self.provider).answer, methods=["GET", "POST"])
        add("/consent", "consent", authorization.consent, methods=["POST"])
        add("/device", "device", self._devices.page)
        add("/device", "device_decision", self._devices.decide, methods=["POST"])
        applications = Applications(self.provider)
        add("/applications", "applications", applications.page)
        add("/applications/<client_id>/withdraw", "withdraw", applications.withdraw, methods=["POST"])
        for path, view in self._programs().items():
            methods = ["GET", "POST", "OPTIONS"] if path == "/userinfo" else ["POST", "OPTIONS"]
            add(path, path.strip("/"), with_preflight(view, self._preflight), methods=methods)
        return routes

    def _programs(self) -> dict[str, View]:
        """Return the endpoints that programs call, from browsers too."""
        parts = self.provider, self._server, self._tokens
        forms: dict[str, Callable[[ProviderRequest], Any]] = {
            "/revoke": Revocation(*parts).answer,
            "/introspect": Introspection(*parts).answer,
            "/par": PushedAuthorization(self.provider, self._server).answer,
            "/device_authorization": self._devices.answer,
        }
        return {
            "/token": TokenEndpoint(self._server).answer,
            "/userinfo": UserInfo(self.provider, self._tokens).answer,
            **{path: partial(form_endpoint, self._server, answer) for path, answer in forms.items()},
        }

    def _preflight(self) -> ResponseReturnValue:
        """Answer OPTIONS: a preflight names no client, so the origin of any client will do."""
        origins = {origin for client in self.provider.registry.all() for origin in client.origins}
        return Response(b"", 204, headers=CORS.preflight(origins))

    def root_routes(self) -> Iterable[RootRoute]:
        """Return where RFC 8414 §3.1 looks for the metadata."""
        return [("GET", self._root_path, self._discovery.configuration)]

    def owns(self, path: str) -> bool:
        """Tell whether a path is one of this instance's routes."""
        return super().owns(path) or path == self._root_path

    @property
    def _root_path(self) -> str:
        return f"/.well-known/oauth-authorization-server{self.settings.path}"

    def refusal(self, refusal: Refusal) -> ResponseReturnValue | None:
        """Tell programs of an error as OAuth does (RFC 6749 §5.2); people get the portal's page."""
        below = request.path.removeprefix(self.settings.path)
        if any(below == page or below.startswith(f"{page}/") for page in PAGES):
            return None
        codes = {
            404: "not_found",
            405: "invalid_request",
            413: "invalid_request",
            503: "temporarily_unavailable",
        }
        error = codes.get(refusal.status) or (refusal.error.code if refusal.error else "server_error")
        body = {"error": error, "error_id": refusal.error_id}
        text = json.dumps({name: value for name, value in body.items() if value})
        return allow(Response(text, refusal.status, headers=[*NO_STORE, *refusal.headers.items()]), None)

    def checks(self) -> Iterable[Check]:
        """Return the check of the signing keys."""
        return [Check("signing keys", self._check_keys)]

    def token_issuers(self) -> Iterable[TokenIssuer]:
        """Return this instance: its access tokens say who asks."""
        return [self._tokens]

    def destinations(self) -> Iterable[str]:
        """Return where clients want people to be sent."""
        return sorted({url for client in self._known_clients() for url in client.destinations})

    def service_name(self, return_to: str) -> str:
        """Return the name of the application that an authorization request is of."""
        parts = urlsplit(return_to)
        if parts.path == f"{self.settings.path}/device":
            return str(_("your device"))
        client = self._client_in(parts.query)
        return client.name if client else self.title

    def destinations_of(self, return_to: str) -> Iterable[str]:
        """Return where the client wants people to be sent that an authorization request is of."""
        client = self._client_in(urlsplit(return_to).query)
        return client.destinations if client else ()

    def _client_in(self, query: str) -> Client | None:
        return self.provider.registry.get(dict(parse_qsl(query)).get("client_id", ""))

    def _known_clients(self) -> list[Client]:
        """Return every client; before the database is made, those of the configuration."""
        try:
            return list(self.provider.registry.all())
        except StoreError:
            return self.provider.registry.configured()

    def commands(self) -> Iterable[click.Command]:
        """Return `issuer client`."""
        return [client]

    def tiles(self, session: Session) -> Iterable[Tile]:
        """Return the page of applications, to whoever let one know about them."""
        if self.provider.consents.all(session.identity):
            text = _("See which applications you let know about you, and take it back.")
            yield Tile(_("Your applications"), text, f"{self.settings.path}/applications", icon="apps")

    def end_with_sessions(self, sessions: Sequence[bytes], successor: bytes | None) -> None:
        """End the grants of these sessions, and note which clients are to be told."""
        self._sign_outs.end_with_sessions(sessions, successor)

    def sessions_ended(self, sessions: Sequence[bytes], successor: bytes | None) -> None:  # noqa: ARG002
        """Tell the clients."""
        self._sign_outs.sessions_ended()

    def start(self) -> None:
        """Begin to tell clients of sign-outs."""
        self._sign_outs.start()

    def stop(self) -> None:
        """End that."""
        self._sign_outs.stop()

    def _check_keys(self) -> None:
        algorithms = {
            "RS256": "path",
            **{
                c.settings.algorithm: f"clients.{c.client_id}.algorithm"
                for c in self.provider.registry.configured()
            },
        }
        for algorithm, option in algorithms.items():
            try:
                self.gateway.keys.signing_key(KEY_USE, algorithm)
            except KeyRingError as error:
                raise ConfigurationError(option, str(error)) from None

    def _check_instances(self) -> None:
        problems = []
        for one in filter(lambda one: one.is_jitsi, self.provider.registry.configured()):
            module = self.gateway.instances.find(one.settings.jitsi)
            if module is None or module.name != "jitsi":
                path = f"modules.{self.gateway.instance}.clients.{one.client_id}.jitsi"
                problems.append(Problem(path, f'"{one.settings.jitsi}" is not an enabled Jitsi instance'))
        if problems:
            raise ConfigError(problems)
