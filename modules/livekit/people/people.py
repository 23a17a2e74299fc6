"""What all issuances of an instance to people who sign in here share."""

from fnmatch import fnmatchcase

from flask import Request, Response

from issuer import jsontext
from issuer.errors import Refusal
from issuer.module import ConfigurationError, Gateway
from issuer.rules import Compiler, Rule
from issuer.signing import SecretSigner, Signer
from issuer.web.application import PreparedResponse
from modules.livekit.people.caller import Caller
from modules.livekit.people.errors import error_body
from modules.livekit.people.identities import Identities
from modules.livekit.people.origins import Origins
from modules.livekit.people.settings import GrantSettings, PeopleSettings
from modules.livekit.rooms import Rooms
from modules.livekit.settings import ALGORITHM, LiveKitSettings
from modules.livekit.variables import EVERY_VARIABLE

GRANTS = {
    "publish": "canPublish",
    "subscribe": "canSubscribe",
    "publish_data": "canPublishData",
    "room_admin": "roomAdmin",
    "hidden": "hidden",
    "recorder": "recorder",
}


class People:
    """What all issuances to people share: settings, compiled rules, origins, identities."""

    def __init__(self, settings: LiveKitSettings, people: PeopleSettings, gateway: Gateway) -> None:
        """Compile.

        Raises:
            ExceptionGroup: of RuleError, rules and expressions that do not compile.
            ConfigurationError: origins of another site, or lifetimes that the host's bounds exclude.
        """
        self.sfu = settings
        self.settings = people
        self.gateway = gateway
        self.rooms = Rooms(settings, gateway.upstream, gateway.clock)
        self.signer: Signer = SecretSigner(ALGORITHM, settings.api_secret)
        self.origins = Origins(people, gateway.settings.public_url)
        self.caller = Caller(people, gateway, self.origins)
        self.identities = Identities(people.identity_secret, people.per_device, gateway.randomness)
        self._check_bounds()
        self._compile(Compiler(f"modules.{gateway.instance}", (*EVERY_VARIABLE, *gateway.macros)))

    def _check_bounds(self) -> None:
        bounds = self.gateway.settings.tokens
        if self.settings.minimum_lifetime > bounds.maximum_lifetime:
            raise ConfigurationError(
                "people.minimum_lifetime", "is longer than tokens.maximum_lifetime: make it shorter"
            )
        if self.settings.maximum_lifetime < bounds.minimum_lifetime:
            raise ConfigurationError(
                "people.maximum_lifetime", "is shorter than tokens.minimum_lifetime: make it longer"
            )

    def _compile(self, compiler: Compiler) -> None:
        people = self.settings
        self._rule = compiler.rule("rule", self.sfu.rule)
        self._room_rules = [
            (item.match, compiler.rule(f"people.rooms.{number}.rule", item.rule))
            for number, item in enumerate(people.rooms)
        ]
        self.name = compiler.expression("people.name", people.name)
        self.roles = compiler.expression("people.roles", people.roles)
        self.create_room = compiler.expression("people.create_room", people.create_room)
        self.grants = {
            GRANTS[option]: compiler.expression(f"people.grants.{option}", getattr(people.grants, option))
            for option in GrantSettings.model_fields
        }
        compiler.finish()

    def rule_for(self, room: str) -> Rule:
        """Return the rule of the first pattern that matches, else the use rule."""
        return next((rule for match, rule in self._room_rules if fnmatchcase(room, match)), self._rule)

    def answer(self, body: dict[str, str], request: Request) -> Response:
        """Return a body as JSON, for the page that asks to read."""
        headers = {"Content-Type": "application/json", **self.origins.headers(request)}
        return PreparedResponse(jsontext.dump(body), headers=headers.items())

    def refusal(self, refusal: Refusal, request: Request) -> Response:
        """Return the answer to an error; who is not known is forbidden too, and never sent to a page."""
        answer = self.answer(error_body(refusal, f"{self.gateway.settings.public_url}login"), request)
        answer.status_code = refusal.status
        answer.headers.update(refusal.headers)
        return answer
