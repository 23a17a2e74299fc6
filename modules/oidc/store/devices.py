"""Devices without a browser that wait for somebody to let them in (RFC 8628)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, bindparam, insert, select, update

from issuer.store import Database, Redemption, Rows, Statement
from issuer.world import Clock
from modules.oidc.store.tables import device_codes


@dataclass(frozen=True, slots=True)
class Device:
    """A device that asked; `grant_id` is what it was given."""

    device_hash: bytes = field(repr=False)
    client_id: str
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    expires_at: float
    polled_at: float
    interval: float
    grant_id: str | None = None
    denied: bool = False
    used_at: float | None = None


class Devices:
    """The devices of one instance."""

    def __init__(self, database: Database, clock: Clock, instance: str) -> None:
        self._database = database
        self._clock = clock
        self._instance = instance
        self._spend = Statement(_SPEND, database.engine.dialect)

    def add(self, device: Device, user_hash: bytes) -> None:
        """Add a device under the hashes of its two codes.

        Raises:
            issuer.store.DuplicateError: the user code is taken.
        """
        values = {
            "device_hash": device.device_hash,
            "user_hash": user_hash,
            "instance": self._instance,
            "client_id": device.client_id,
            "scope": " ".join(device.scope),
            "resources": " ".join(device.resources),
            "created_at": self._clock.now(),
            "expires_at": device.expires_at,
            "polled_at": device.polled_at,
            "interval": device.interval,
            "denied": False,
        }
        with self._database.write() as connection:
            connection.execute(insert(device_codes), values)

    def by_device_code(self, device_hash: bytes) -> Device | None:
        """Return a device, expired or not."""
        return self._one(device_codes.c.device_hash == device_hash)

    def waiting(self, user_hash: bytes) -> Device | None:
        """Return the device that waits for somebody with this user code."""
        undecided = (device_codes.c.grant_id.is_(None)) & (device_codes.c.denied.is_(False))
        alive = device_codes.c.expires_at > self._clock.now()
        return self._one((device_codes.c.user_hash == user_hash) & undecided & alive)

    def decide(self, device: Device, grant_id: str | None) -> bool:
        """Let a device in with a grant, or not (None); tell whether nobody had decided."""
        undecided = (device_codes.c.grant_id.is_(None)) & (device_codes.c.denied.is_(False))
        values: Mapping[str, object] = {"denied": True} if grant_id is None else {"grant_id": grant_id}
        return self._change(undecided & (device_codes.c.device_hash == device.device_hash), values)

    def polled(self, device: Device, interval: float) -> None:
        """Note that a device asked, and how long it shall wait from now on."""
        values = {"polled_at": self._clock.now(), "interval": interval}
        self._change(device_codes.c.device_hash == device.device_hash, values)

    def spent(self, device: Device, rows: Rows) -> Redemption:
        """Return the redemption of a device code, and adds rows."""
        values = {"hash": device.device_hash, "now": self._clock.now()}
        return Redemption(device.device_hash, self._spend, values, rows)

    def _change(self, condition: ColumnElement[bool], values: Mapping[str, object]) -> bool:
        with self._database.write() as connection:
            return connection.execute(update(device_codes).where(condition).values(values)).rowcount == 1

    def _one(self, condition: ColumnElement[bool]) -> Device | None:
        found = select(device_codes).where(condition, device_codes.c.instance == self._instance)
        with self._database.read() as connection:
            row = connection.execute(found).one_or_none()
        if row is None:
            return None
        return Device(
            row.device_hash,
            row.client_id,
            tuple(row.scope.split()),
            tuple(row.resources.split()),
            row.expires_at,
            row.polled_at,
            row.interval,
            row.grant_id,
            row.denied,
            row.used_at,
        )


_SPEND = (
    update(device_codes)
    .where(device_codes.c.device_hash == bindparam("hash"), device_codes.c.used_at.is_(None))
    .values(used_at=bindparam("now"))
)
