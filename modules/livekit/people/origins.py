"""Which pages may ask, and what their browsers are told (Fetch Standard §3.3)."""

from collections.abc import Mapping

from flask import Request

from issuer.module import ConfigurationError
from issuer.settings.types import origin
from issuer.web.cors import Cors
from issuer.web.sites import same_site
from modules.livekit.people.errors import OriginRefusedError
from modules.livekit.people.settings import PeopleSettings

CORS = Cors(methods="POST", request_headers="Content-Type, Authorization", exposed="Retry-After")


class Origins:
    """The portal's own origin and the configured ones."""

    def __init__(self, settings: PeopleSettings, public_url: str) -> None:
        """Refuse origins from which no browser would send the session.

        Raises:
            ConfigurationError: an origin is of another site than the portal.
        """
        foreign = [url for url in settings.origins if not same_site(url, public_url)]
        if foreign:
            raise ConfigurationError(
                "people.origins",
                f"{foreign[0]} is of another site than {public_url}, so browsers never send the session from "
                "there: put it under the same domain, or use bearer_origins and bearer tokens",
            )
        self._with_session = {origin(public_url), *settings.origins}
        self._every = self._with_session | set(settings.bearer_origins)

    def check_session(self, request: Request) -> None:
        """Refuse a request with a session that does not come from a page that may use it.

        Browsers name the origin of every POST (RFC 6454 §7), and `Sec-Fetch-Site` besides (W3C Fetch Metadata
        §2.4); a request with neither is no page's.
        """
        named = request.environ.get("HTTP_ORIGIN")
        if named is None:
            ours = request.environ.get("HTTP_SEC_FETCH_SITE") == "same-origin"
        else:
            ours = named in self._with_session
        if not ours:
            raise OriginRefusedError("a request with a session comes from elsewhere")

    def headers(self, request: Request) -> Mapping[str, str]:
        """Return what lets the page that asks read the answer; nothing for a page that may not."""
        return CORS.answer(self._every, credentials=self._may_use_session(request))

    def preflight(self, request: Request) -> Mapping[str, str]:
        """Return what the page may send.

        Raises:
            OriginRefusedError: the origin is not configured.
        """
        if request.environ.get("HTTP_ORIGIN", "") not in self._every:
            raise OriginRefusedError("a preflight comes from elsewhere")
        return CORS.preflight(self._every, credentials=self._may_use_session(request))

    def _may_use_session(self, request: Request) -> bool:
        return request.environ.get("HTTP_ORIGIN") in self._with_session
