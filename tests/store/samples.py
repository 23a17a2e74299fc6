"""Rows as the gateway would write them."""

import hashlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

from issuer.identity import Identity
from issuer.store import IssuanceRow, SessionRow, User

NOW = 1_800_000_000.0
T = TypeVar("T")


def user(name: str = "dwho", **values: Any) -> User:
    fields: dict[str, Any] = {
        "id": f"id-of-{name}",
        "uid": name,
        "password_hash": "$argon2id$secret",
        "attributes": {"cn": "Doctor Who", "mail": ["dwho@example.org", "doctor@example.org"]},
        "groups": ("users", "timelords"),
        "enabled": True,
        "created_at": NOW,
        "changed_at": NOW + 0.123456,
    }
    return User(**fields | values)


def identity(uid: str = "dwho", **values: Any) -> Identity:
    attributes = {"cn": "Döctor Who 🚀", "mail": ["dwho@example.org"]}
    fields: dict[str, Any] = {"attributes": attributes, "groups": ("users",), "auth_level": 2}
    return Identity("local", f"id-of-{uid}", uid, **fields | values)


def id_hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def session(name: str = "one", uid: str = "dwho", **values: Any) -> SessionRow:
    fields: dict[str, Any] = {
        "id_hash": id_hash(name),
        "identity": identity(uid),
        "created_at": NOW,
        "seen_at": NOW,
        "expires_at": NOW + 1000,
        "idle_expires_at": NOW + 100,
        "address": "192.0.2.7",
        "user_agent": "Mozilla/5.0",
        "refreshed_at": NOW,
        "upstream_sid": None,
    }
    return SessionRow(**fields | values)


def issuance(token_id: str = "t1", **values: Any) -> IssuanceRow:
    fields: dict[str, Any] = {
        "token_id": token_id,
        "issued_at": NOW,
        "expires_at": NOW + 300,
        "instance": "jitsi",
        "module": "jitsi",
        "backend": "local",
        "subject": "id-of-dwho",
        "uid": "dwho",
        "room": "board-1",
        "kid": "key",
        "address": "2001:db8::7",
    }
    return IssuanceRow(**fields | values)


def at_once(count: int, call: Callable[[int], T]) -> list[T | BaseException]:
    """Run a call in so many threads that begin together; return what each one returned or raised."""
    gate = Barrier(count)

    def run(number: int) -> T:
        gate.wait()
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        futures: list[Future[T]] = [pool.submit(run, number) for number in range(count)]
    return [future.exception() or future.result() for future in futures]
