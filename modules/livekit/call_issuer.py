"""What all issuances of an instance to Matrix users share."""

from issuer.authentication.throttling import address_bucket
from issuer.identity import Identity
from issuer.matrix import Homeservers, NoClientApiError
from issuer.matrix.answers import BadJsonError, LimitExceededError, UnauthorizedError
from issuer.matrix.openid_caller import OpenIdCaller, OpenIdRecord
from issuer.module import Gateway
from issuer.rules import Scope, compile_expression, compile_rule
from issuer.signing import SecretSigner, Signer
from issuer.upstream import TooManyCallsError, UpstreamError
from modules.livekit.bodies import CallRequest
from modules.livekit.delegation.delegation import Delegation
from modules.livekit.rooms import Rooms
from modules.livekit.settings import ALGORITHM, LiveKitSettings
from modules.livekit.variables import EVERY_VARIABLE


class CallIssuer:
    """What all issuances of an instance share: settings, compiled rules, homeservers, rooms, the signer."""

    def __init__(self, settings: LiveKitSettings, gateway: Gateway) -> None:
        """Compile; raise `RuleError` for what does not."""
        self.settings = settings
        self.gateway = gateway
        path = f"modules.{gateway.instance}"
        self.rule = compile_rule(settings.rule, option=f"{path}.rule", variables=EVERY_VARIABLE)
        self._full_access = compile_expression(
            settings.full_access, option=f"{path}.full_access", variables=EVERY_VARIABLE
        )
        self._named = settings.named
        self.homeservers = Homeservers(
            gateway.upstream,
            gateway.clock,
            listed=self._named,
            overrides=settings.cs_api_urls,
            insecure=settings.insecure_skip_verify_tls,
        )
        self._caller = OpenIdCaller(self.homeservers)
        self._record = OpenIdRecord(gateway.store.attempts, gateway.instance)
        self.rooms = Rooms(settings, gateway.upstream, gateway.clock)
        self.signer: Signer = SecretSigner(ALGORITHM, settings.api_secret)
        self.delegation = Delegation(settings, gateway, self.homeservers, self.rooms.forget)

    def identity(self, asked: CallRequest) -> Identity:
        """Return whose OpenID token it is.

        Raises:
            UnauthorizedError: the homeserver does not say so, or the user claims to be somebody else.
            LimitExceededError: too many calls are in flight, or too many tokens of strangers on record.
        """
        identity = self._caller.identity(asked.server_name, asked.access_token)
        if asked.claimed_user_id not in {None, identity.uid}:
            raise UnauthorizedError(f"the OpenID token is {identity.uid}'s, who claims to be somebody else")
        self._count(identity.uid, asked.server_name)
        return identity

    def _count(self, user_id: str, server_name: str) -> None:
        """Bound what others than one's own users write into the record."""
        if server_name in (self.settings.full_access_homeservers or ()):
            return
        if server_name in self._named:
            self._record.count(user_id)
        else:
            self._record.count(user_id, server_name, address_bucket(self.gateway.address() or ""))

    def find_api(self, server_name: str) -> None:
        """Make sure that delayed events can be restarted at a homeserver.

        Raises:
            BadJsonError: its client-server API cannot be found.
            LimitExceededError: too many calls are in flight.
        """
        try:
            self.homeservers.client_server_api(server_name)
        except TooManyCallsError as error:
            raise LimitExceededError(str(error), error.retry_after) from None
        except (NoClientApiError, UpstreamError) as error:
            raise BadJsonError(str(error)) from None

    def has_full_access(self, asked: CallRequest, scope: Scope) -> bool:
        """Tell whether the room shall be created for somebody."""
        return self.settings.lists(asked.server_name) and self._full_access.flag(scope)
