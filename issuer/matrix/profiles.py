"""How Matrix users call themselves, and their pictures."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from issuer.matrix.names import BadNameError, parse_server_name, parse_user_id
from issuer.matrix.reading import READERS, Reader
from issuer.settings.models import HomeserverSettings, MatrixSettings
from issuer.upstream import Party, Upstream, UpstreamError

_log = logging.getLogger(__name__)

MEDIA = re.compile(r"mxc://([^/]{1,255})/([A-Za-z0-9_-]{1,255})")
"""Client-Server API §Matrix Content (mxc://) URIs."""
THUMBNAIL = urlencode({"width": 96, "height": 96, "method": "crop"})


@dataclass(frozen=True, slots=True)
class Profile:
    """What a user shows to others."""

    display_name: str
    """The localpart where the user has chosen none."""
    avatar_url: str | None
    """An https address at a homeserver of the configuration."""


class Profiles:
    """Asks homeservers of the configuration, which ask others. Its methods are for request threads."""

    def __init__(self, settings: MatrixSettings, upstream: Upstream) -> None:
        self._upstream = upstream
        self._homes = {
            name: (server, READERS[server.api](name, server, upstream))
            for name, server in settings.homeservers.items()
        }

    def of(self, user_id: str) -> Profile:
        """Return the profile of a user; one that cannot be read has the localpart and no picture."""
        user = parse_user_id(user_id)
        homes = self._homes
        found = homes.get(user.server.text) or next(iter(homes.values()), None)
        content = self._content(found[1], user_id) if found else {}
        name, avatar = content.get("displayname"), content.get("avatar_url")
        return Profile(
            name if isinstance(name, str) and name else user.localpart,
            _address(avatar, found[0]) if found and isinstance(avatar, str) else None,
        )

    def _content(self, reader: Reader, user_id: str) -> Mapping[str, object]:
        try:
            with self._upstream.held(reader.url, Party.OPERATOR):
                path = f"_matrix/client/v3/profile/{quote(user_id, safe='')}"
                answer = self._upstream.call(reader.get(path), self._upstream.settings.total_timeout + 1)
                found = answer.json() if answer.status == 200 else {}
        except UpstreamError as error:
            _log.warning("a Matrix profile cannot be read: %s", error)
            return {}
        return found if isinstance(found, dict) else {}


def _address(avatar: str, server: HomeserverSettings) -> str | None:
    """Return where a browser gets a picture; None where that cannot be said, or is not https."""
    base = server.media_url or server.url
    match = MEDIA.fullmatch(avatar)
    if not match or not base.startswith("https:"):
        return None
    try:
        origin = parse_server_name(match[1]).text
    except BadNameError:
        return None
    return f"{base}_matrix/media/v3/thumbnail/{quote(origin, safe='')}/{match[2]}?{THUMBNAIL}"
