"""Changes to the key directory, made under its lock and each as one atomic rename."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from issuer.keys import files
from issuer.keys.files import KeyFile
from issuer.keys.model import KeyRingError, KeyState
from issuer.world import Clock

logger = logging.getLogger(__name__)


def read_all(directory: Path) -> dict[str, KeyFile]:
    """Return the key files by kid; broken ones are logged and left out."""
    records = {}
    try:
        names = sorted(files.scan(directory))
    except FileNotFoundError:
        return {}
    for name in names:
        try:
            record = files.read(directory / name)
            records[record.kid] = record
        except FileNotFoundError:
            continue
        except KeyRingError as error:
            logger.warning("Key file %s is left out: %s.", directory / name, error)
    return records


class Changes:
    """The directory as it is while the lock is held."""

    def __init__(self, directory: Path, clock: Clock, retention: float) -> None:
        self._directory = directory
        self._now = clock.now()
        self._retention = retention
        self._records = read_all(directory)

    @classmethod
    @contextmanager
    def begin(cls, directory: Path, clock: Clock, retention: float) -> Iterator[Self]:
        """Take the lock and clean up what killed commands left undone and what has expired."""
        with files.locked(directory):
            if directory.stat().st_mode & 0o022:
                logger.warning("Others can write to %s: run `chmod 700 %s`.", directory, directory)
            files.clear_leftovers(directory)
            changes = cls(directory, clock, retention)
            changes.clean_up()
            yield changes

    def clean_up(self) -> None:
        """Finish what was begun, and delete retired keys whose tokens have all expired."""
        for record in tuple(self._records.values()):
            superseded = self.of(record.slot, KeyState.ACTIVE)[:-1]
            if files.was_removed(self._directory, record.kid) or not record.published(
                self._now, self._retention
            ):
                self.remove(record)
            elif record in superseded:
                self.retire(record)

    def get(self, kid: str) -> KeyFile:
        """Return a key by its kid."""
        if kid not in self._records:
            raise KeyRingError(f"There is no key {kid!r}: see `issuer keys list`.")
        return self._records[kid]

    def of(self, slot: tuple[str, str], state: KeyState) -> list[KeyFile]:
        """Return the keys of a use and type in a state, oldest first."""
        found = [r for r in self._records.values() if r.slot == slot and r.state is state]
        return sorted(found, key=lambda r: r.age)

    def refuse_known(self, record: KeyFile) -> None:
        """Refuse a key whose kid is taken, or ever was: a kid never names two keys."""
        kid = record.kid
        if files.was_removed(self._directory, kid):
            raise KeyRingError(
                f"The kid {kid!r} belonged to a key that was removed: give it another `--kid`."
            )
        known = self._records.get(kid)
        if known and known.private_key == record.private_key:
            raise KeyRingError(f"This key is here already: {kid} ({known.use}, {known.state}).")
        if known or (self._directory / files.file_name(kid)).exists():
            raise KeyRingError(f"The kid {kid!r} names another key here: give this one another `--kid`.")

    def put(self, record: KeyFile) -> KeyFile:
        """Write a key file."""
        files.write(self._directory, record)
        self._records[record.kid] = record
        return record

    def activate(self, record: KeyFile) -> KeyFile:
        """Let a key sign from now on."""
        return self._change(record, state=KeyState.ACTIVE, activated=self._now)

    def retire(self, record: KeyFile) -> KeyFile:
        """Let a key sign no more; it stays published for a while."""
        return self._change(record, state=KeyState.RETIRED, retired=self._now)

    def remove(self, record: KeyFile) -> None:
        """Delete a key for good."""
        files.remove(self._directory, record.kid)
        del self._records[record.kid]

    def _change(self, record: KeyFile, **update: object) -> KeyFile:
        longest = max(record.retention, self._retention)
        return self.put(record.model_copy(update={**update, "retention": longest}))
