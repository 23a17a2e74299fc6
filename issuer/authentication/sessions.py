"""Portal sessions: a signed-in identity, kept in the store under a hashed id.

The browser holds the id (256 random bits) in a cookie; the store holds its SHA-256, so whoever reads the
database cannot take over a session.
"""

import base64
import hashlib
import logging
from dataclasses import dataclass, replace

from issuer.identity import Identity
from issuer.settings.models import SessionSettings
from issuer.store import Session, SessionRow, Store, StoreError
from issuer.web.bounds import LONGEST_ID
from issuer.world import Clock, Randomness

_log = logging.getLogger(__name__)

ID_BYTES = 32
TOUCH_SHARE = 20
"""A use is noted when the last note is older than this share of the idle timeout: not one write a request."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """The browser that signs in, as its request shows it."""

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class UpstreamSignIn:
    """What another server says of the sign-in there, with which a session here begins."""

    sid: str | None = None
    """What it calls the session."""
    expires_at: float | None = None
    """Ours lasts no longer than this (seconds since 1970)."""
    auth_time: float | None = None
    """When the person signed in there (seconds since 1970); None when it does not say."""


def hash_id(session_id: str) -> bytes:
    """Return the SHA-256 of a session id: the key under which the store knows it.

    None of ours is as long as `LONGEST_ID`, so what is cut off there was none of ours before either.
    """
    return hashlib.sha256(session_id[:LONGEST_ID].encode("utf-8", "surrogatepass")).digest()


class PortalSessions:
    """Starts, finds and ends sessions."""

    def __init__(self, store: Store, settings: SessionSettings, clock: Clock, randomness: Randomness) -> None:
        self._rows = store.sessions
        self._settings = settings
        self._clock = clock
        self._randomness = randomness

    def start(self, identity: Identity, visitor: Visitor, upstream: UpstreamSignIn | None = None) -> str:
        """Start a session and return its id, which only the browser keeps.

        Args:
            identity: whose it is.
            visitor: the browser that holds it.
            upstream: what another server says that signed the person in; None: they signed in here, now.

        Raises:
            issuer.store.OutdatedError: a local user changed since they proved who they are.
        """
        session_id = base64.urlsafe_b64encode(self._randomness.bytes(ID_BYTES)).rstrip(b"=").decode()
        now = self._clock.now()
        elsewhere = upstream or UpstreamSignIn(auth_time=now)
        end = now + self._settings.lifetime
        end = end if elsewhere.expires_at is None else min(end, elsewhere.expires_at)
        row = SessionRow(
            id_hash=hash_id(session_id),
            identity=identity,
            created_at=now,
            seen_at=now,
            expires_at=end,
            idle_expires_at=min(now + self._settings.idle_timeout, end),
            address=visitor.address,
            user_agent=visitor.user_agent[:200],
            refreshed_at=now,
            upstream_sid=elsewhere.sid,
            auth_time=min(elsewhere.auth_time or 0.0, now),
        )
        self._rows.add(row)
        return session_id

    def find(self, session_id: str) -> Session | None:
        """Return the living session with this id, and note that it was used, if anything can be written."""
        row = self._rows.get(hash_id(session_id))
        return row and self._used(row)

    def _used(self, row: SessionRow) -> SessionRow:
        now, idle = self._clock.now(), self._settings.idle_timeout
        if now - row.seen_at < idle / TOUCH_SHARE:
            return row
        touched = replace(row, seen_at=now, idle_expires_at=min(now + idle, row.expires_at))
        try:
            self._rows.touch(row.id_hash, touched.seen_at, touched.idle_expires_at)
        except StoreError as error:
            _log.info("the use of a session is not noted: %s", error)
            return row
        return touched

    def attributes_age(self, row: Session) -> float:
        """Return how long ago the person of a session was read, in seconds."""
        return self._clock.now() - row.refreshed_at

    def replace(self, old: Session, session_id: str) -> None:
        """End a session whose browser has a new one; what hangs on it goes on for the same person."""
        new = self._rows.get(hash_id(session_id))
        same = new is not None and _key(new.identity) == _key(old.identity)
        self._rows.end(old.id_hash, hash_id(session_id) if same else None)

    def end(self, row: Session) -> None:
        """End a session."""
        self._rows.end(row.id_hash)

    def end_others(self, current: Session) -> list[Session]:
        """End every session of a person but this one; return them."""
        return self._rows.end_others(current)

    def of(self, identity: Identity) -> list[Session]:
        """Return the living sessions of a person, the latest first."""
        rows = self._rows.of(identity.backend, identity.subject)
        return sorted(rows, key=lambda row: row.seen_at, reverse=True)


def _key(identity: Identity) -> tuple[str, str]:
    return identity.backend, identity.subject
