"""What `issuer doctor` asks homeservers: whether they answer, and know our tokens."""

from collections.abc import Iterable

from issuer.check import Check, CheckError
from issuer.matrix.reading import READERS, Reader
from issuer.settings.models import MatrixSettings
from issuer.upstream import Upstream, UpstreamError, UpstreamResponse

WHOAMI = "_matrix/client/v3/account/whoami"
ADMIN = "_synapse/admin/v1/rooms"


def homeserver_checks(settings: MatrixSettings, upstream: Upstream) -> Iterable[Check]:
    """Return a check of each homeserver that is asked who is in a room."""
    for name, server in settings.homeservers.items():
        reader = READERS[server.api](name, server, upstream)
        yield Check(f"matrix.homeservers: {name}", _Examination(reader, server.api, upstream).run, False)


def judge_whoami(answer: UpstreamResponse, option: str) -> None:
    """Judge the answer to "who am I?" (Client-Server API, `GET /account/whoami`).

    Raises:
        CheckError: the token of this option is not known there, or this is no homeserver.
    """
    if answer.status in {401, 403}:
        raise CheckError(f"does not know {option}: make a new one there")
    if answer.status != 200:
        raise CheckError(f"answers {answer.status}: does its address lead to a client-server API?")


class _Examination:
    """Examines one homeserver."""

    def __init__(self, reader: Reader, api: str, upstream: Upstream) -> None:
        self._reader = reader
        self._api = api
        self._upstream = upstream

    def run(self) -> None:
        judge_whoami(self._get(WHOAMI), "access_token")
        if self._api != "synapse-admin":
            return
        answer = self._get(ADMIN, limit="1")
        if answer.status == 403:
            raise CheckError("access_token is not one of a server administrator: use one, or another `api`")
        if answer.status != 200:
            raise CheckError(f"answers {answer.status}: does its url lead to Synapse's admin API?")

    def _get(self, path: str, **query: str) -> UpstreamResponse:
        seconds = self._upstream.settings.total_timeout
        try:
            return self._upstream.call(self._reader.get(path, **query), seconds)
        except UpstreamError as error:
            raise CheckError(f"cannot be asked: {error}. Check `url`, and that it runs") from None
