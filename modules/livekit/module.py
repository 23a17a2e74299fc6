"""The routes and abilities of a LiveKit instance."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import click
from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from jwt import InsecureKeyLengthWarning

from issuer.check import Check
from issuer.errors import NotFoundError, Refusal
from issuer.matrix.answers import error_body
from issuer.module import Gateway, Module, RootRoute
from issuer.runtime import LargeBody
from issuer.settings.secrets import weakness
from issuer.signing import HMAC_BYTES
from issuer.store import Tables
from issuer.web.application import request_in_hand
from modules.livekit import answers
from modules.livekit.bodies import CallRequest, parse_delegation, parse_get_token, parse_sfu_get
from modules.livekit.call_issuer import CallIssuer
from modules.livekit.delegation.commands import jobs
from modules.livekit.delegation.delegation import Delegation
from modules.livekit.delegation.jobs.tables import TABLES
from modules.livekit.delegation.webhooks import LONGEST_WEBHOOK, is_signed
from modules.livekit.doctor import SfuDoctor
from modules.livekit.people.people import People
from modules.livekit.people.phases import PeoplePhases
from modules.livekit.phases import DelegationPhases, LiveKitPhases
from modules.livekit.settings import ALGORITHM, EVERY, LiveKitSettings

BELOW = "/jwt"
"""What stands between the instance's path and the paths of MSC4195."""
TOKEN = "/token"  # noqa: S105 - a path
WEBHOOK = "/sfu_webhook"


class LiveKitModule(Module):
    """Gives LiveKit tokens to Matrix users, and to people who sign in here."""

    name = "livekit"
    title = "LiveKit"
    Settings = LiveKitSettings
    settings: LiveKitSettings

    def __init__(self, settings: LiveKitSettings, gateway: Gateway) -> None:
        """Compile the rules.

        Raises:
            issuer.rules.RuleError: a rule or an expression does not compile; or an ExceptionGroup of several.
            ConfigurationError: what people are promised contradicts itself.
        """
        super().__init__(settings, gateway)
        self._people = People(settings, settings.people, gateway) if settings.people else None
        self._calls = CallIssuer(settings, gateway)
        self._views: dict[str, Callable[[], ResponseReturnValue]] = {}
        if self.is_for_matrix:
            self._views = {
                "/get_token": self.get_token,
                "/sfu/get": self.sfu_get,
                "/delegate_delayed_leave": self.delegate,
            }

    @classmethod
    def tables(cls) -> Tables:
        """Return the tables of delegated leave."""
        return TABLES

    @property
    def is_for_matrix(self) -> bool:
        """Tell whether Matrix users get tokens."""
        return self.settings.full_access_homeservers is not None

    @property
    def delegation(self) -> Delegation:
        """Return the jobs of delegated leave."""
        return self._calls.delegation

    def blueprint(self) -> Blueprint:
        """Return the routes of MSC4195 and of webhooks below `jwt/`, `jwt/healthz`; for people `token`."""
        routes = Blueprint("livekit", __name__)
        for path, view in self._views.items():
            endpoint = path.strip("/").replace("/", "_")
            routes.add_url_rule(BELOW + path, endpoint, view, methods=["POST", "OPTIONS"])
        if self.is_for_matrix:
            rule = BELOW + WEBHOOK
            routes.add_url_rule(
                rule, "sfu_webhook", self.webhook, methods=["POST"], provide_automatic_options=False
            )
        routes.add_url_rule(f"{BELOW}/healthz", "healthz", self.healthz, provide_automatic_options=False)
        if self._people:
            routes.add_url_rule(TOKEN, "token", self.token_for_people, methods=["POST", "OPTIONS"])
        return routes

    def root_routes(self) -> Iterable[RootRoute]:
        """Return the same at the root, when the configuration wants that."""
        if self.settings.at_root:
            for path, view in self._views.items():
                yield "POST", path, view
                yield "OPTIONS", path, view
            if self.is_for_matrix:
                yield "POST", WEBHOOK, self.webhook

    def large_bodies(self) -> Mapping[str, LargeBody]:
        """Return the webhooks, which have metadata of participants, if the SFU has signed their digest."""
        paths = [f"{self.settings.path}{BELOW}{WEBHOOK}", *([WEBHOOK] if self.settings.at_root else ())]
        large = (LONGEST_WEBHOOK, partial(is_signed, self.settings))
        return dict.fromkeys(paths, large) if self.is_for_matrix else {}

    def owns(self, path: str) -> bool:
        """Tell whether a path is one of this instance's routes."""
        return super().owns(path) or (self.settings.at_root and path.rstrip("/") in {*self._views, WEBHOOK})

    def get_token(self) -> ResponseReturnValue:
        """Answer today's clients."""
        return self._answer(parse_get_token)

    def sfu_get(self) -> ResponseReturnValue:
        """Answer older clients."""
        return self._answer(parse_sfu_get)

    def token_for_people(self) -> ResponseReturnValue:
        """Answer people who are signed in here, or who have a bearer token."""
        if not self._people:
            raise NotFoundError
        asking = request_in_hand()
        if asking.method == "OPTIONS":
            return Response(status=204, headers=self._people.origins.preflight(asking))
        phases = PeoplePhases(self._people, asking)
        return self.gateway.issuance.respond(phases, self.gateway.address())

    def delegate(self) -> ResponseReturnValue:
        """Take a delayed leave event from a client that is in the call already."""
        if request.method == "OPTIONS":
            return answers.preflight()
        asked = parse_delegation(request.get_data(cache=False))
        return DelegationPhases(self._calls, asked).delegate(self.gateway.address())

    def webhook(self) -> ResponseReturnValue:
        """Hear from the SFU who came and who left."""
        authorization = request.headers.get("Authorization", "")
        if is_signed(self.settings, authorization):
            request.max_content_length = LONGEST_WEBHOOK
        self.delegation.hear(request.get_data(cache=False), authorization)
        return Response(b"{}", content_type="application/json")

    def healthz(self) -> ResponseReturnValue:
        """Say that this process is alive."""
        return Response("ok\n", content_type="text/plain")

    def _answer(self, parse: Callable[[bytes], CallRequest]) -> ResponseReturnValue:
        if request.method == "OPTIONS":
            return answers.preflight()
        asked = parse(request.get_data(cache=False))
        return self.gateway.issuance.respond(LiveKitPhases(self._calls, asked), self.gateway.address())

    def refusal(self, refusal: Refusal) -> ResponseReturnValue:
        """Tell a client of an error: as Matrix does, but on `token` as that does."""
        path = request.path.rstrip("/")
        if self._people and path == self.settings.path + TOKEN:
            return self._people.refusal(refusal, request)
        answer = answers.plain if path.endswith(WEBHOOK) else answers.answer
        return answer(error_body(refusal), refusal.status, refusal.headers)

    def doctor(self) -> Iterable[Check]:
        """Return checks of Redis, of the SFU, of the homeservers that are named, and of trusted issuers."""
        if self.settings.redis_url is not None:
            yield Check("redis", self.delegation.mirror.check, offline=False)
        yield from SfuDoctor(self.settings, self.gateway.upstream, self._calls.homeservers).checks()
        if self.settings.people:
            for issuer in self.settings.people.trusted_issuers:
                yield issuer.check(self.gateway.upstream, self.gateway.clock)

    def commands(self) -> Iterable[click.Command]:
        """Return `issuer jobs`."""
        yield jobs

    def warnings(self) -> Iterable[str]:
        """Return what is dangerous in the configuration."""
        settings = self.settings
        if why := weakness(settings.api_secret, HMAC_BYTES[ALGORITHM]):
            yield f"api_secret {why}. WHOEVER GUESSES IT CAN JOIN EVERY CALL"
        if settings.insecure_skip_verify_tls:
            yield (
                "insecure_skip_verify_tls: NO CERTIFICATE OF A HOMESERVER IS VERIFIED. Anybody on the way to "
                "one can speak for its users, and strangers can make us connect to private networks"
            )
        if EVERY in (settings.full_access_homeservers or ()):
            yield (
                'full_access_homeservers has "*": every Matrix user can create rooms; homeservers in private '
                "networks must be named, or allowed with upstream.allow_private_networks"
            )

    def start(self) -> None:
        """Run jobs; let a weak secret be, once its warning was given: PyJWT would repeat it."""
        if weakness(self.settings.api_secret, HMAC_BYTES[ALGORITHM]):
            warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        if self.is_for_matrix:
            self.delegation.start()

    def stop(self) -> None:
        """Leave the jobs of delegated leave to other workers."""
        self.delegation.stop()
