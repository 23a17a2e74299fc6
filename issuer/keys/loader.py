"""Looks at the key directory, and parses what is new there: every key once.

A file that cannot be read is logged, once, and what was known of it before is kept. A directory that cannot
be read says nothing of any key.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from issuer.keys import files
from issuer.keys.files import KeyFile, Stamp
from issuer.keys.material import kind_of, publish
from issuer.keys.model import KeyRingError, KeysUnknownError, SigningKey
from issuer.keys.parsing import parse_pem

logger = logging.getLogger(__name__)

ATTEMPTS = 5
"""How often to read a directory again that changes while it is read."""


@dataclass(frozen=True, slots=True)
class LoadedKey:
    """A key file and the parsed key in it."""

    record: KeyFile
    signing: SigningKey


class Loader:
    """The parsed keys of a directory. Not for several threads at once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen: dict[str, Stamp] | None = None
        self._loaded: dict[str, tuple[Stamp, LoadedKey]] = {}
        self._complaints: dict[str, str] = {}

    def look(self) -> tuple[LoadedKey, ...] | None:
        """Return all keys when something has changed, None when nothing has.

        Raises:
            KeysUnknownError: the directory cannot be read.
        """
        try:
            return self._look()
        except FileNotFoundError:
            if self._loaded:
                self._give_up("the directory is gone")
        except OSError as error:
            self._give_up(f"the directory cannot be read: {error.strerror}")
        return None

    def _look(self) -> tuple[LoadedKey, ...] | None:
        for _ in range(ATTEMPTS):
            before = files.scan(self._directory)
            if self._complaints.pop(".", None):
                logger.warning("Key ring: %s: the directory can be read again.", self._directory)
            if before == self._seen:
                return None
            loaded, complete = self._read(before)
            # A rotation changes several files: only what one moment had makes sense together.
            if files.scan(self._directory) == before:
                self._seen = before if complete else None
                self._loaded = loaded
                return tuple(key for _, key in loaded.values())
        return self._give_up("the directory keeps changing while it is read")

    def _read(self, stamps: dict[str, Stamp]) -> tuple[dict[str, tuple[Stamp, LoadedKey]], bool]:
        """Return the keys, and whether every file could be opened (if not, it is tried again next time)."""
        loaded, complete = {}, True
        for name, stamp in stamps.items():
            known = self._loaded.get(name)
            if known and known[0] == stamp:
                loaded[name] = known
                continue
            try:
                loaded[name] = stamp, self._load(self._directory / name, known[1] if known else None)
                self._complaints.pop(name, None)
            except FileNotFoundError:
                continue
            except (KeyRingError, OSError) as error:
                complete = complete and not isinstance(error, OSError)
                self._complain(name, str(error) if isinstance(error, KeyRingError) else str(error.strerror))
                if known:
                    loaded[name] = known
        return loaded, complete

    def _load(self, path: Path, known: LoadedKey | None) -> LoadedKey:
        record = files.read(path)
        if path.stat().st_mode & 0o077:
            logger.warning("Key file %s can be read by others: run `chmod 600 %s`.", path, path)
        if known and known.record.private_key == record.private_key:
            public = replace(known.signing.public, use=record.use, state=record.state)
            return LoadedKey(record, replace(known.signing, public=public))
        private = parse_pem(record.private_key.get_secret_value().encode())
        if kind_of(private) != record.kind:
            raise KeyRingError(f"it says {record.kind}, but holds a key of the type {kind_of(private)}")
        public = publish(private, record.kid, record.use, record.state)
        if known and known.signing.public.pem != public.pem:
            raise KeyRingError("it holds another key than before: a kid never names two keys")
        return LoadedKey(record, SigningKey(record.kid, private, public))

    def _give_up(self, text: str) -> NoReturn:
        self._complain(".", text, "In two seconds no key is used any more, until it can be read.")
        raise KeysUnknownError(f"{self._directory}: {text}")

    def _complain(self, subject: str, text: str, then: str = "What was known before stays in use.") -> None:
        """Log once what is wrong, not at every look."""
        if self._complaints.get(subject) != text:
            self._complaints[subject] = text
            logger.error("Key ring: %s: %s. %s", self._directory / subject, text, then)
