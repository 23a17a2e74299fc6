"""What `issuer doctor` asks: whether the SFU knows the key, and homeservers answer and know us."""

from collections.abc import Callable, Iterable

from livekit.api import ListRoomsRequest, TwirpError

from issuer.check import Check, CheckError
from issuer.matrix import Homeservers, NoClientApiError, OpenIdRefusedError
from issuer.matrix.doctor import WHOAMI, judge_whoami
from issuer.matrix.errors import UnknownTokenError
from issuer.upstream import Upstream, UpstreamError, UpstreamResponse
from modules.livekit.rooms import FAILURES, sfu_client
from modules.livekit.settings import EVERY, ApplicationServiceSettings, LiveKitSettings

INVENTED = "asked-by-issuer-doctor"
"""An OpenID token that no homeserver gave out: an honest one refuses it."""


class SfuDoctor:
    """Examines what an instance depends on."""

    def __init__(self, settings: LiveKitSettings, upstream: Upstream, homeservers: Homeservers) -> None:
        self._settings = settings
        self._upstream = upstream
        self._homeservers = homeservers

    def checks(self) -> Iterable[Check]:
        """Return a check of the SFU, and of every homeserver that is named."""
        yield Check("SFU", self._sfu, offline=False)
        for name in self._settings.full_access_homeservers or ():
            if name != EVERY:
                yield Check(f"homeserver {name}", self._federation(name), offline=False)
        for server in self._settings.homeservers:
            if server.name != EVERY:
                yield Check(f"application service at {server.name}", self._service(server), offline=False)

    def _sfu(self) -> None:
        try:
            self._upstream.call(self._list_rooms(), self._upstream.settings.total_timeout)
        except TwirpError as error:
            if error.status in {401, 403}:
                raise CheckError(
                    "refuses api_key with api_secret: they must stand in `keys` of its configuration, "
                    "and the clocks of both machines must agree"
                ) from None
            raise CheckError(f"answers {error.status}: is `url` the address of a LiveKit server?") from None
        except FAILURES as error:
            raise CheckError(
                f"cannot be reached: {type(error).__name__}. Check `url`, and that it runs"
            ) from None

    async def _list_rooms(self) -> None:
        api = sfu_client(self._settings, self._upstream)
        await api.room.list_rooms(ListRoomsRequest(names=[INVENTED]))

    def _federation(self, name: str) -> Callable[[], None]:
        def run() -> None:
            try:
                user = self._homeservers.verify_openid(name, INVENTED)
            except UnknownTokenError:
                return
            except OpenIdRefusedError as error:
                raise CheckError(f"is no homeserver that can be believed: {error}") from None
            except UpstreamError as error:
                raise CheckError(
                    f"cannot be asked who a user is: {error}. Its federation API must be reachable from here"
                ) from None
            raise CheckError(
                f"is no homeserver that can be believed: it takes an invented token for {user}'s"
            )

        return run

    def _service(self, server: ApplicationServiceSettings) -> Callable[[], None]:
        def run() -> None:
            try:
                answer = self._upstream.call(self._whoami(server), self._upstream.settings.total_timeout)
            except (NoClientApiError, UpstreamError) as error:
                raise CheckError(f"cannot be asked: {error}. See `cs_api_urls`") from None
            judge_whoami(answer, "as_token")

        return run

    async def _whoami(self, server: ApplicationServiceSettings) -> UpstreamResponse:
        api = await self._homeservers.find_client_server_api(server.name)
        headers = {"Authorization": f"Bearer {server.as_token.get_secret_value()}"}
        return await self._upstream.fetch(api.call("GET", f"/{WHOAMI}", headers, b""))
