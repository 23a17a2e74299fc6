"""Jobs in Redis, in the layout of lk-jwt-service: a deployment switches over, and back, with its jobs.

Nothing is written there but the hash, and no command is used but PING, HSET, HDEL and HGETALL (and AUTH and
SELECT, if the URL has a password or a database).
"""

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from issuer.errors import UnavailableError
from modules.livekit.delegation.jobs.job import DelegationRequest, Pair, is_delay_id
from modules.livekit.names import canonical_json

if TYPE_CHECKING:
    from redis import Redis

_log = logging.getLogger(__name__)

HASH = "lk-jwt:jobs"
NANO = 1_000_000_000
SECONDS = 2.0
"""Within which Redis must answer."""

Started = tuple[DelegationRequest, float]
"""What was asked for, and the time of the last restart."""


class RedisError(UnavailableError):
    """Redis cannot be used."""


class Mirror(ABC):
    """Has every job a second time."""

    is_on = True

    @abstractmethod
    def write(self, jobs: Sequence[Started]) -> None:
        """Write jobs; raise `RedisError` when that fails."""

    @abstractmethod
    def remove(self, pairs: Iterable[Pair]) -> None:
        """Remove jobs that have ended; raise `RedisError` when that fails."""

    @abstractmethod
    def read(self) -> list[Started]:
        """Return all jobs; what cannot be read as one is left alone."""

    @abstractmethod
    def check(self) -> None:
        """Raise `RedisError` when it does not answer."""


class NoMirror(Mirror):
    """Has nothing: the store alone keeps the jobs."""

    is_on = False

    def write(self, jobs: Sequence[Started]) -> None:
        """Do nothing."""

    def remove(self, pairs: Iterable[Pair]) -> None:
        """Do nothing."""

    def read(self) -> list[Started]:
        """Return nothing."""
        return []

    def check(self) -> None:
        """Do nothing."""


class RedisMirror(Mirror):
    """The hash in Redis."""

    def __init__(self, client: "Redis") -> None:
        from redis import exceptions  # noqa: PLC0415 - only where Redis is used

        self._client = client
        self._failures = (exceptions.RedisError, OSError)
        self._spelled: dict[Pair, bytes] = {}
        """Names of fields that another program spelled in another way: it would not find ours."""

    def write(self, jobs: Sequence[Started]) -> None:
        """Write jobs; raise `RedisError` when that fails."""
        pairs = [asked.pair for asked, _ in jobs]
        values: Any = {self._field(asked.pair): value_of(asked, at) for asked, at in jobs}
        with self._translated():
            if values:
                self._client.hset(HASH, mapping=values)
            if doubles := [field_of(pair) for pair in pairs if pair in self._spelled]:
                self._client.hdel(HASH, *doubles)

    def remove(self, pairs: Iterable[Pair]) -> None:
        """Remove jobs that have ended; raise `RedisError` when that fails."""
        pairs = list(pairs)
        fields = {name for pair in pairs for name in (field_of(pair), self._field(pair))}
        with self._translated():
            if fields:
                self._client.hdel(HASH, *fields)
        for pair in pairs:
            self._spelled.pop(pair, None)

    def read(self) -> list[Started]:
        """Return all jobs; what cannot be read as one is logged, and left alone."""
        with self._translated():
            found: Any = self._client.hgetall(HASH)
        jobs = {name: parse(name, value) for name, value in found.items()}
        if bad := list(jobs.values()).count(None):
            _log.warning("%d entries of %s in Redis are no jobs, and are left alone", bad, HASH)
        for name, job in jobs.items():
            if job and name != field_of(job[0].pair):
                self._spelled[job[0].pair] = name
        return [job for job in jobs.values() if job]

    def _field(self, pair: Pair) -> bytes:
        return self._spelled.get(pair) or field_of(pair)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            raise RedisError(f"Redis does not answer: {type(error).__name__}") from None

    def check(self) -> None:
        """Raise `RedisError` when it does not answer."""
        with self._translated():
            self._client.ping()


def connect(url: str) -> "Redis":
    """Return a client that speaks RESP2, and says nothing that it was not told to; nothing is connected yet.

    Raises:
        ValueError: the URL is none of Redis.
    """
    from redis import Redis  # noqa: PLC0415 - only where Redis is used
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.exceptions import ConnectionError as ClosedError  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    options: dict[str, Any] = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}
    again = Retry(NoBackoff(), 1, (ClosedError,))  # a connection that was closed meanwhile, not a slow one
    return Redis.from_url(url, protocol=2, driver_info=None, retry=again, **options)


def field_of(pair: Pair) -> bytes:
    """Return the name of a job in the hash."""
    return canonical_json(*pair)


def value_of(asked: DelegationRequest, restarted_at: float) -> bytes:
    """Return a job in the words of lk-jwt-service."""
    params = {
        "DelayId": asked.delay_id,
        "DelayTimeout": round(asked.timeout * NANO),
        "ServerName": asked.server_name,
        "LiveKitRoom": asked.room,
        "LiveKitIdentity": asked.identity,
    }
    at = datetime.fromtimestamp(restarted_at, UTC).isoformat().replace("+00:00", "Z")
    value = {"Params": params, "RestartedAt": at}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def parse(name: bytes, value: bytes) -> Started | None:
    """Read an entry of the hash; None when it is no job."""
    try:
        data = json.loads(value)
        params = data["Params"]
        texts = [params[key] for key in ("LiveKitRoom", "LiveKitIdentity", "ServerName", "DelayId")]
        nanoseconds: Any = params["DelayTimeout"]
        if not _are_texts(texts) or type(nanoseconds) is not int or not 0 < nanoseconds < 2**63:
            return None
        room, identity, server_name, delay_id = texts
        asked = DelegationRequest(room, identity, server_name, delay_id, nanoseconds / NANO)
        # RFC 3339 §5.6; Python reads any number of fractional digits
        restarted_at = datetime.fromisoformat(data["RestartedAt"].upper())
        if json.loads(name) != list(asked.pair) or restarted_at.tzinfo is None or not is_delay_id(delay_id):
            return None
        return asked, restarted_at.timestamp()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None


def _are_texts(values: list[Any]) -> bool:
    for value in values:
        if not isinstance(value, str) or not value or "\0" in value:
            return False
        value.encode()  # raises UnicodeEncodeError, a ValueError, for a lone surrogate
    return True
