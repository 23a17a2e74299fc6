"""The login backend: sends browsers to a provider, and judges what comes back."""

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlencode

from flask import after_this_request, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from werkzeug.wrappers import Response

from issuer.backend import Arrival, BackendServices, Departure, RedirectBackend, RedirectRoute
from issuer.backends.oidc.age import Age
from issuer.backends.oidc.claims import identity_of
from issuer.backends.oidc.client import ProviderClient, printable
from issuer.backends.oidc.doctor import ProviderDoctor
from issuer.backends.oidc.errors import (
    NotBegunError,
    ProviderAnswerError,
    ProviderDownError,
    ProviderRefusedError,
)
from issuer.backends.oidc.logout import BackChannel
from issuer.backends.oidc.metadata import Metadata, ProviderDiscovery
from issuer.backends.oidc.pending import PendingCookies, PendingDeparture
from issuer.backends.oidc.renewal import Renewal, Said
from issuer.backends.oidc.settings import OidcBackendSettings
from issuer.backends.oidc.tokens import Claims, TokenJudge
from issuer.check import Check
from issuer.errors import GatewayError, UnavailableError
from issuer.identity import Identity
from issuer.keys import KeyRingError
from issuer.module import ConfigurationError
from issuer.store import SessionRow
from issuer.upstream import Party, TooManyCallsError

_log = logging.getLogger(__name__)


class OidcBackend(RedirectBackend):
    """Signs people in with an account that they have at a provider of OpenID Connect."""

    Settings = OidcBackendSettings
    asks_silently = True
    settings: OidcBackendSettings

    def __init__(self, instance: str, settings: OidcBackendSettings, services: BackendServices) -> None:
        super().__init__(instance, settings, services)
        clock = services.clock
        try:
            self._client = ProviderClient(settings, services.upstream, self.url("/callback"))
        except KeyRingError as error:
            raise ConfigurationError("client_key", str(error)) from None
        self._discovery = ProviderDiscovery(services.upstream, clock, settings.issuer)
        self._judge = TokenJudge(clock, settings.issuer, settings.client_id, settings.clock_skew)
        self._age = Age(clock, settings.session_lifetime, settings.clock_skew)
        self._renewal = self._new_renewal() if settings.reads_again else None
        secure = services.settings.secure
        self._pending = PendingCookies(clock, services.randomness, secure, settings.own_secret)
        self._back_channel = BackChannel(services.store, instance, settings.clock_skew)

    def _new_renewal(self) -> Renewal:
        return Renewal(
            self.instance,
            self.services,
            self._discovery,
            self._client,
            self._judge,
            self.settings.own_secret,
        )

    def begin(self, departure: Departure) -> ResponseReturnValue:
        """Send the browser to the provider."""
        with self._turn():
            metadata = self._discovery.metadata()
        if not self.settings.is_page(metadata.authorization_endpoint):
            raise ProviderDownError(
                f"backends.{self.instance}: the sign-in page is on a host of no page_urls"
            )
        pending = self._pending.new(self.instance, departure, request.cookies)
        seal = self._pending.seal(pending.key)
        url = self._client.authorization_url(
            metadata.authorization_endpoint,
            seal.dump(pending),
            seal.verifier,
            nonce=seal.nonce,
            **self._wishes(departure, metadata),
        )
        answer = redirect(url, 303)
        self._pending.keep(pending, answer)
        return answer

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Count the thread in hand among those that wait for this provider, which cannot hold them all."""
        try:
            with self.services.upstream.held(f"backends.{self.instance}", Party.OPERATOR):
                yield
        except TooManyCallsError as error:
            raise ProviderDownError(str(error)) from None

    def _wishes(self, departure: Departure, metadata: Metadata) -> dict[str, str]:
        """Return what else a request says (OIDC Core §3.1.2.1)."""
        wishes = {"ui_locales": str(get_locale()), **self._age.wishes(departure)}
        consent = "consent" in self.settings.parameters.get("prompt", "").split()
        if consent and wishes.get("prompt") == "login":
            wishes["prompt"] = "login consent"
        strong = [acr for acr, level in self.settings.acr_levels.items() if level >= (departure.level or 101)]
        if strong:
            wishes["acr_values"] = " ".join(strong)
        if strong and metadata.claims_parameter_supported:
            essential = {"essential": True, "values": strong}
            wishes["claims"] = json.dumps({"id_token": {"acr": essential}})
        return wishes

    def complete(self) -> Arrival:
        """Judge the answer of the provider that the browser brings."""
        pending = self._taken()
        with self._turn():
            metadata = self._discovery.metadata()
            self._check_issuer(metadata)
            if error := _single("error"):
                return self._refused(pending, printable(error))
            said = self._said(pending, metadata, _single("code") or "")
        claims = said.claims
        identity = identity_of(self.instance, claims, self.settings.uid_claim, self.settings.trust_email)
        sid, signed_in = claims.get("sid"), self._age.judged(claims, pending)
        if self._renewal:
            self._renewal.keep(identity.subject, said)
        sid = sid if isinstance(sid, str) else None
        return Arrival(identity, pending.wanted, sid, self._age.end(signed_in), signed_in)

    def _taken(self) -> PendingDeparture:
        """Return the sign-in that this answers, and take it from the browser: no answer counts twice."""
        pending = self._pending.find(_single("state") or "", self.instance, request.cookies)
        if pending is None:
            raise NotBegunError("an answer has the state of no sign-in that this browser began here")

        @after_this_request
        def forget(answer: Response) -> Response:
            self._pending.forget(pending, answer)
            return answer

        return pending

    def _check_issuer(self, metadata: Metadata) -> None:
        """Refuse the answer of another provider (RFC 9207 §2.4)."""
        said = _single("iss")
        needed = metadata.authorization_response_iss_parameter_supported
        if said != self.settings.issuer and (said is not None or needed):
            raise ProviderAnswerError("the answer's iss is missing, or another provider's")

    def _refused(self, pending: PendingDeparture, error: str) -> Arrival:
        if pending.silent:
            return Arrival(None, pending.wanted)
        if error in {"temporarily_unavailable", "server_error"}:
            raise ProviderDownError(f"the provider answers {error}")
        raise ProviderRefusedError(f"the provider answers {error}")

    def _said(self, pending: PendingDeparture, metadata: Metadata, code: str) -> Said:
        seal = self._pending.seal(pending.key)
        tokens = self._client.exchange(metadata.token_endpoint, code, seal.verifier)
        access_token, keys = tokens["access_token"], self._discovery.keys()
        claims = self._judge.id_token(tokens["id_token"], keys, seal.nonce, access_token, pending.begun)
        renewal = tokens.get("refresh_token")
        endpoint = metadata.userinfo_endpoint if self.settings.userinfo else None
        userinfo = self._client.userinfo(endpoint, access_token) if endpoint else None
        return Said(claims, userinfo, renewal if isinstance(renewal, str) else "")

    def refresh(self, identity: Identity) -> Identity | None:
        """Read somebody again with a refresh token; without one, what the sign-in said goes on to count."""
        if self._renewal is None or not self._renewal.is_kept(identity.subject):
            return identity
        try:
            with self._turn():
                said = self._renewal.read(identity.subject, self.settings.userinfo)
            return self._renewed(identity, said.claims) if said else None
        except UnavailableError:
            raise
        except GatewayError as error:
            raise ProviderDownError(f"backends.{self.instance}: {error}") from None

    def _renewed(self, known: Identity, claims: Claims) -> Identity:
        found = identity_of(self.instance, claims, self.settings.uid_claim, self.settings.trust_email)
        if found.subject != known.subject:
            raise ProviderAnswerError("a refresh token was answered with somebody else's claims")
        return found if claims.get(self.settings.uid_claim) else replace(found, uid=known.uid)

    def auth_level(self, identity: Identity) -> int:
        """Return the level of the `acr` that the provider says."""
        acr = identity.claims.get("acr")
        return self.settings.acr_levels.get(acr if isinstance(acr, str) else "", self.settings.auth_level)

    def auth_levels(self) -> Iterable[int]:
        """Return the level of every `acr`, and that of all others."""
        return {self.settings.auth_level, *self.settings.acr_levels.values()}

    def sign_out(self, session: SessionRow) -> str | None:  # noqa: ARG002 - no token of the session is kept
        """Return the provider's sign-out page (OpenID Connect RP-Initiated Logout 1.0 §2).

        No ID token is kept, so there is none to show as a hint: the provider may ask the person.
        """
        if not self.settings.sign_out:
            return None
        try:
            with self._turn():
                metadata = self._discovery.metadata()
        except GatewayError as error:
            _log.warning("the provider's sign-out is left out: %s", error)
            return None
        endpoint = metadata.end_session_endpoint
        if not endpoint or not self.settings.is_page(endpoint):
            return None
        back = f"{self.services.settings.public_url}logout"
        parameters = {"client_id": self.settings.client_id, "post_logout_redirect_uri": back}
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"

    def routes(self) -> Iterable[RedirectRoute]:
        """Return the route for the provider's logout tokens."""
        return [("POST", "/backchannel", self.back_channel)]

    def back_channel(self) -> ResponseReturnValue:
        """End the sessions that a logout token names (Back-Channel Logout §2.7, §2.8)."""
        token = request.form.get("logout_token", "")
        try:
            with self._turn():
                claims = self._judge.logout_token(token, self._discovery.keys())
            self._back_channel.end(claims)
        except ProviderAnswerError as error:
            _log.warning("a logout of %s was refused: %s", self.settings.issuer, error)
            return jsonify(error="invalid_request"), 400
        return "", 200

    def destinations(self) -> Iterable[str]:
        """Return where the provider's pages are."""
        return [self.settings.issuer, *self.settings.page_urls]

    def warnings(self) -> Iterable[str]:
        """Say when whoever is gone from the provider keeps a session here."""
        if not self.settings.reads_again and self.settings.session_lifetime is None:
            yield (
                "nobody is read again here: whoever is gone from the provider keeps a session until it ends."
                " Set refresh_tokens (with a client_secret) or session_lifetime"
            )

    def doctor(self) -> Iterable[Check]:
        """Ask the provider what a sign-in needs."""
        return ProviderDoctor(self.settings, self._discovery, self._client, self.services).checks()


def _single(name: str) -> str | None:
    """Return a parameter of the answer; one that comes twice is refused (RFC 6749 §3.1)."""
    values = request.args.getlist(name)
    if len(values) > 1:
        raise NotBegunError("an answer has a parameter twice")
    return values[0] if values else None
