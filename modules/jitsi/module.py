"""The routes and abilities of a Jitsi instance."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import click
from flask import Blueprint, Response, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.routing import BaseConverter

from issuer.authentication.current_session import SignInRequiredError
from issuer.check import Check
from issuer.errors import ForbiddenError, Refusal, StepUpRequiredError
from issuer.identity import Identity
from issuer.issuance import Phases
from issuer.jitsi.features import unknown_feature
from issuer.keys import KeyRingError
from issuer.module import ConfigurationError, Gateway, Module, SignInPage, Tile, TileForm
from issuer.store import Session
from issuer.web.urls import requested
from modules.jitsi.commands import verify
from modules.jitsi.errors import MissingRoomError, NoRoomError, RoomForbiddenError
from modules.jitsi.errors import refusal as told
from modules.jitsi.meeting_request import parameters, parse_meeting_request
from modules.jitsi.phases import KEY_USE, VARIABLES, JitsiPhases, Meetings, SomeRoomPhases, state_phases
from modules.jitsi.rooms import MeetingRequestError, clean_room
from modules.jitsi.settings import JitsiSettings
from modules.jitsi.state import without_refresh_token

if TYPE_CHECKING:
    from modules.jitsi.matrix.exchange import MatrixTokenExchange

CLIENT = """\
# Jitsi's own sign-in page.
[modules.oidc.clients.meet]
kind = "jitsi"
name = "Jitsi Meet"
redirect_uris = ["https://meet.example.com/static/sso.html"]
post_logout_redirect_uris = ["https://meet.example.com/static/logout.html"]
trusted = true
"""
CONFIG_JS = """\
For Jitsi's config.js (in Docker: custom-config.js). Replace meet.example.com, here and in the file, by yours:

config.tokenAuthInline = true;
config.sso = { tokenService: 'auth.example.com/oidc', clientId: 'meet' };
config.tokenAuthUrl = 'https://auth.example.com/oidc/authorize?client_id=meet&response_type=code&scope=openid'
    + '&state={state}&redirect_uri=https://meet.example.com/static/sso.html'
    + '&code_challenge={code_challenge}&code_challenge_method=S256';
config.tokenLogoutUrl = 'https://auth.example.com/oidc/logout?client_id=meet'
    + '&post_logout_redirect_uri=https://meet.example.com/static/logout.html';"""
PEM_TYPE = "application/x-pem-file"
PEM_CACHE = "public, max-age=3600"
CERTIFICATES_CACHE = "public, max-age=60"


class RestOfPath(BaseConverter):
    """Everything to the end of a path, leading slashes and line breaks too: our own code shall refuse it."""

    regex = r"[\s\S]+"
    part_isolating = False


class JitsiModule(Module):
    """Gives Jitsi Meet tokens to people who are signed in."""

    name = "jitsi"
    title = "Jitsi Meet"
    key_uses = (KEY_USE,)
    Settings = JitsiSettings
    settings: JitsiSettings

    def __init__(self, settings: JitsiSettings, gateway: Gateway) -> None:
        """Compile the rules, and find the signing key.

        Raises:
            ExceptionGroup: of RuleError, rules and expressions that do not compile.
            ConfigurationError: an RS algorithm has no key.
        """
        super().__init__(settings, gateway)
        self._meetings = Meetings(settings, gateway)
        self._check_key()
        self._exchange = self._new_exchange() if settings.matrix.enabled else None

    @classmethod
    def wanted_keys(cls, settings: JitsiSettings) -> Iterable[str]:
        """Return the use whose key signs; 8x8 must be told of a key first."""
        return () if settings.app_secret is not None or settings.preset else (settings.key_use,)

    @classmethod
    def sign_in_page(cls, public_url: str) -> SignInPage:
        """Return the client of Jitsi's own sign-in page, and what goes into Jitsi's `config.js`."""
        host = public_url.partition("://")[2].rstrip("/")
        return SignInPage(("oidc",), CLIENT, CONFIG_JS.replace("auth.example.com", host))

    def blueprint(self) -> Blueprint:
        """Return `login`, `login/<room>`, `start`, `keys.json`, `asap/<hash>.pem`, and maybe `matrix`."""
        routes = Blueprint("jitsi", __name__, template_folder="templates")
        routes.record(lambda setup: setup.app.url_map.converters.update(rest=RestOfPath))
        add: Callable[..., None] = routes.add_url_rule
        add("/login", "login", self.login)
        add("/login/<rest:room>", "login_room", self.login)
        add("/start", "start", self.begin)
        add("/keys.json", "certificates", self.certificates)
        add("/asap", "asap_root", self.asap)
        add("/asap/<rest:name>", "asap", self.asap)
        if self._exchange:
            add("/matrix", "matrix", self._exchange.respond, methods=["POST", "OPTIONS"])
        return routes

    def login(self, room: str | None = None) -> ResponseReturnValue:
        """Give the browser a token and send it to the meeting."""
        query = parameters(request.query_string)
        rooms = query["room"] + ([room] if room is not None else [])
        try:
            asked = parse_meeting_request(rooms, query["tenant"], query["state"])
        except MeetingRequestError as error:
            raise told(error) from None
        try:
            return self.gateway.issuance.respond(JitsiPhases(self._meetings, asked), self.gateway.address())
        except ForbiddenError as error:
            kind = RoomForbiddenError if self._may_meet(self.gateway.require().identity) else NoRoomError
            raise kind(str(error)) from None
        except (SignInRequiredError, StepUpRequiredError):
            if not asked.state.has_secret:
                raise
            # The way through the sign-in pages would carry it along.
            path, _, sent = requested(request).partition("?")
            return redirect(f"{path}?{without_refresh_token(sent)}", 303)

    def begin(self) -> ResponseReturnValue:
        """Take what was typed on the portal's home, and drop what cannot be in a room's name."""
        room = clean_room(request.args.get("room", ""))
        if not room:
            raise MissingRoomError("the form was empty")
        return redirect(f"{self.settings.path}/login?room={quote(room, safe='')}", 303)

    def asap(self, name: str = "") -> ResponseReturnValue:
        """Serve a public key to Prosody: 200 only ever with a key, which it keeps until it restarts."""
        digest = name.removeprefix("/").removesuffix(".pem")
        key = (
            self.gateway.keys.by_kid_sha256(digest, self.settings.key_use) if name.endswith(".pem") else None
        )
        if key is None:
            return Response("no such key\n", 404, content_type="text/plain")
        return Response(key.pem, content_type=PEM_TYPE, headers={"Cache-Control": PEM_CACHE})

    def certificates(self) -> ResponseReturnValue:
        """Serve certificates by `kid`, for Prosody's `cache_keys_url`; it asks again after `max-age`."""
        keys = self.gateway.keys.public_keys(self.settings.key_use)
        answer = jsonify({key.kid: key.certificate.decode() for key in keys if key.certificate})
        answer.headers["Cache-Control"] = CERTIFICATES_CACHE
        return answer

    def checks(self) -> Iterable[Check]:
        """Return the check of the signing key."""
        return [Check("signing key", self._check_key)]

    def warnings(self) -> Iterable[str]:
        """Return the features that Jitsi does not know."""
        for name in self.settings.features or {}:
            if text := unknown_feature(name):
                yield f"features.{name}: {text}"
        if self.settings.preset:
            yield from self._wrong_kids()

    def _wrong_kids(self) -> Iterable[str]:
        prefix = f"{self.settings.app_id}/"
        for key in self.gateway.keys.public_keys(self.settings.key_use):
            if not key.kid.startswith(prefix):
                yield (
                    f"the key {key.kid} of the use {self.settings.key_use} is not one that 8x8 knows: import"
                    f" it with `--fixed --kid {prefix}<key id>`, and the key id of 8x8's console"
                )

    def notes(self) -> Iterable[str]:
        """Return what Jitsi must be told of this instance."""
        if self.settings.preset:
            return
        base = f"{self.gateway.settings.public_url.rstrip('/')}{self.settings.path}"
        yield f"Jitsi's TOKEN_AUTH_URL is {base}/login?room={{room}}&state={{state}}"

    def _check_key(self) -> None:
        if self.settings.app_secret is not None:
            return
        try:
            self.gateway.keys.signing_key(self.settings.key_use, self.settings.algorithm)
        except KeyRingError as error:
            raise ConfigurationError("algorithm", str(error)) from None

    def _new_exchange(self) -> "MatrixTokenExchange":
        from modules.jitsi.matrix.exchange import MatrixTokenExchange  # noqa: PLC0415 - a tenth of a second that others save

        return MatrixTokenExchange(self.settings, self.gateway, self._meetings)

    def refusal(self, refusal: Refusal) -> ResponseReturnValue | None:
        """Tell Matrix clients of an error as Matrix does, and everybody else with the portal's page."""
        if self._exchange and request.path.rstrip("/") == f"{self.settings.path}/matrix":
            return self._exchange.refusal(refusal)
        return None

    def _may_meet(self, identity: Identity) -> bool:
        """Tell whether there could be a room that somebody may enter."""
        might, address = self.gateway.issuance.might, self.gateway.address()
        asked = (SomeRoomPhases(self._meetings, rule) for rule in self._meetings.rules())
        return any(might(phases, identity, address, VARIABLES) for phases in asked)

    def tiles(self, session: Session) -> Iterable[Tile]:
        """Return the "start a meeting" form, to those whom a rule may allow a room."""
        if not self._may_meet(session.identity):
            return []
        form = TileForm(f"{self.settings.path}/start", "room", _("Name of the room"), _("Start or join"))
        return [
            Tile(_("Video meeting"), _("Start a meeting, or join one by its name."), form=form, icon="video")
        ]

    def room_path(self, room: str, tenant: str | None) -> str:
        """Return the path that leads into a room again."""
        query = {"room": room} if tenant is None else {"room": room, "tenant": tenant}
        return f"{self.settings.path}/login?{urlencode(query, quote_via=quote)}"

    def destinations(self) -> Iterable[str]:
        """Return the Jitsi server, to which a sign-in leads."""
        return [self.settings.server_url]

    def commands(self) -> Iterable[click.Command]:
        """Return `issuer verify`."""
        return [verify]

    def phases(self, wishes: Mapping[str, str]) -> Phases:
        """Return the phases of a token that another instance hands out, for a client's `state`."""
        try:
            return state_phases(self._meetings, wishes.get("state", ""))
        except MeetingRequestError as error:
            raise told(error) from None

    def token(self, identity: Identity, wishes: dict[str, str]) -> str:
        """Issue a token for somebody: wishes are `room` and `tenant`."""
        asked = parse_meeting_request(
            [wishes["room"]] if "room" in wishes else [], [wishes.get("tenant", "")]
        )
        return self.gateway.issuance.issue(JitsiPhases(self._meetings, asked), identity, None).text
