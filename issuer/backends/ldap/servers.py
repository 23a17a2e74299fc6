"""The servers of a directory: kept connections, a cap for each server, and the next one when one fails."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import ldap
from flask_babel import lazy_gettext as _

from issuer.backends.ldap.connection import Connection
from issuer.backends.ldap.settings import LdapSettings
from issuer.errors import UnavailableError
from issuer.runtime import about_to_block
from issuer.upstream.bulkheads import Bulkheads
from issuer.upstream.errors import TooManyCallsError
from issuer.upstream.party import Party
from issuer.world import Clock

PAUSE = 10.0
"""Seconds for which others are preferred to a server that failed."""
KEEP_IDLE = 60.0
"""Seconds for which an idle connection is kept: firewalls forget longer ones without a word."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class DirectoryDownError(UnavailableError):
    """No server of the directory answers as it should."""

    description = _("Nobody can sign in right now: the directory of users does not answer.")


class ServerFailedError(Exception):
    """A server did not do what it was asked; the text says what happened."""


class ServerBusyError(ServerFailedError):
    """A server is not even asked: enough others wait for it."""


class Lane:
    """What one sign-in holds of a server: a connection that searches, and one that tries passwords."""

    def __init__(self, url: str, settings: LdapSettings) -> None:
        self._url = url
        self._settings = settings
        self._searching: Connection | None = None
        self._verifying: Connection | None = None
        self.used_at: float | None = None
        """When it was given back, or None when it is new."""

    @property
    def searching(self) -> Connection:
        """Return a connection that is bound as the account that searches."""
        if self._searching is None:
            self._searching = Connection(self._url, self._settings)
            if self._settings.bind_password is not None:
                self._searching.bind(self._settings.bind_dn, self._settings.bind_password.get_secret_value())
        return self._searching

    @property
    def verifying(self) -> Connection:
        """Return a connection that is bound as whoever signed in last."""
        if self._verifying is None:
            self._verifying = Connection(self._url, self._settings)
        return self._verifying

    def close(self) -> None:
        """Close both."""
        for connection in filter(None, (self._searching, self._verifying)):
            connection.close()


class LdapServer:
    """One server with the lanes to it that are kept."""

    def __init__(self, url: str, settings: LdapSettings, clock: Clock, bulkheads: Bulkheads) -> None:
        self.url = url
        self._settings = settings
        self._clock = clock
        self._bulkheads = bulkheads
        self._idle: deque[Lane] = deque()
        self._paused_until = float("-inf")
        self._probe = threading.Lock()

    @property
    def paused(self) -> bool:
        """Tell whether it failed a moment ago."""
        return self._clock.monotonic() < self._paused_until

    def run(self, work: Callable[[Lane], T]) -> T:
        """Return what the work returns, to which a lane is given; a paused server is tried by one at a time.

        Raises:
            ServerFailedError: the server does not answer, or not as it should, or is busy with us.
        """
        if not self.paused:
            return self._held(work)
        if not self._probe.acquire(blocking=False):
            raise ServerBusyError(f"{self.url}: has just failed, and is being tried again")
        try:
            return self._held(work)
        finally:
            self._probe.release()

    def _held(self, work: Callable[[Lane], T]) -> T:
        try:
            with self._bulkheads.held(self.url, Party.OPERATOR):
                result = self._attempt(work)
        except TooManyCallsError as error:
            raise ServerBusyError(f"{self.url}: {error}") from None
        except (ldap.LDAPError, OSError) as error:
            self._paused_until = self._clock.monotonic() + PAUSE
            _log.warning("directory server %s failed: %s", self.url, cause_of(error))
            raise ServerFailedError(f"{self.url}: {cause_of(error)}") from None
        self._paused_until = float("-inf")
        return result

    def _attempt(self, work: Callable[[Lane], T]) -> T:
        """Try once more on a new lane when a kept one turns out to be cut."""
        about_to_block()
        lane = self._take()
        if lane.used_at is not None:
            try:
                return self._on(lane, work)
            except ldap.SERVER_DOWN:
                self.close()
                lane = self._new()
        return self._on(lane, work)

    def _on(self, lane: Lane, work: Callable[[Lane], T]) -> T:
        try:
            result = work(lane)
        except BaseException:
            lane.close()
            raise
        lane.used_at = self._clock.monotonic()
        self._idle.append(lane)
        return result

    def _take(self) -> Lane:
        """Return the lane that was used last; if that was long ago, so it is for all others."""
        try:
            lane = self._idle.pop()
        except IndexError:
            return self._new()
        if self._clock.monotonic() - (lane.used_at or 0.0) <= KEEP_IDLE:
            return lane
        lane.close()
        self.close()
        return self._new()

    def _new(self) -> Lane:
        return Lane(self.url, self._settings)

    def close(self) -> None:
        """Close the lanes that nobody uses."""
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:  # another thread took the last one
                return


class Servers:
    """All servers of a directory, in the operator's order."""

    def __init__(self, instance: str, settings: LdapSettings, clock: Clock) -> None:
        self._instance = instance
        bulkheads = Bulkheads(settings.connections, settings.connections)
        self._servers = [LdapServer(url, settings, clock, bulkheads) for url in settings.servers]

    def run(self, work: Callable[[Lane], T]) -> T:
        """Return what the work returns; it begins anew on the next server when one fails in the middle.

        Raises:
            DirectoryDownError: no server did it.
        """
        failures = []
        for server in self._order():
            try:
                return server.run(work)
            except ServerFailedError as error:
                failures.append(str(error))
        raise DirectoryDownError(f"directory {self._instance}: no server answers ({'; '.join(failures)})")

    def _order(self) -> Sequence[LdapServer]:
        return [server for server in self._servers if not server.paused] or self._servers

    def close(self) -> None:
        """Close the connections that nobody uses."""
        for server in self._servers:
            server.close()


def cause_of(error: ldap.LDAPError | OSError) -> str:
    """Return what happened, in words; never what was sent."""
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    texts = [str(details[name]) for name in ("desc", "info", "matched") if details.get(name)]
    return ", ".join(texts) or type(error).__name__
