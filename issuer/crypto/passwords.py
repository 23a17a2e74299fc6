"""Password hashing: Argon2id as OWASP recommends it (19 MiB, two passes), a bounded number at a time."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from issuer.errors import UnavailableError
from issuer.runtime import about_to_block
from issuer.world import Randomness

MEMORY_KIB = 19 * 1024
SALT_BYTES = 16


class Passwords:
    """Hashes and verifies; at most `parallel` at a time, with at most `waiting` more in line.

    So sign-ins never take every core, nor every request thread.
    """

    def __init__(self, randomness: Randomness, parallel: int = 1, waiting: int = 8) -> None:
        """Prepare a hash that nobody's password has, to verify against when an account is unknown."""
        self._line = threading.BoundedSemaphore(parallel + waiting)
        self._hasher = PasswordHasher(time_cost=2, memory_cost=MEMORY_KIB, parallelism=1, type=Type.ID)
        self._turn = threading.BoundedSemaphore(parallel)
        self._randomness = randomness
        self._nobody = self.hash(randomness.bytes(32).hex())

    def hash(self, password: str) -> str:
        """Return the Argon2id hash of a password, in PHC string format."""
        return self._hasher.hash(_bytes(password), salt=self._randomness.bytes(SALT_BYTES))

    def verify(self, hashed: str | None, password: str) -> bool:
        """Tell whether a password is right; `None` as hash runs one verification and says no.

        Raises:
            UnavailableError: too many sign-ins wait for their turn.
        """
        if not self._line.acquire(blocking=False):
            raise UnavailableError("too many password verifications wait for their turn")
        about_to_block()
        try:
            with self._turn:
                right = self._matches(hashed or self._nobody, password)
        finally:
            self._line.release()
        return right and hashed is not None

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
