"""The key directory: one file per key, replaced as a whole; a lock for those who write.

Readers take no lock. They see a file before or after a change, never in between (rename(2) is atomic).
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_serializer,
    model_validator,
)

from issuer.keys.material import family
from issuer.keys.model import KeyRingError, KeyState, Kty, kid_digest

_NAME = re.compile(r"[0-9a-f]{64}\.json")
_REMOVED = "removed"
_SAFE = os.O_CLOEXEC | os.O_NOFOLLOW


class KeyFile(BaseModel):
    """Everything about one key, as its file has it. Times are in seconds since 1970.

    `retention` is the longest retention that was configured whenever a command touched the key: a lifetime
    that is shortened later does not unpublish a key whose older tokens still live.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    version: Literal[1] = 1
    kid: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    use: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
    kind: str
    state: KeyState
    created: float
    activated: float | None = None
    retired: float | None = None
    retention: float
    fixed: bool = False
    """Somebody else was told its kid: no next key is made beside it, and a rotation passes it over."""
    private_key: SecretStr

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.kid.isprintable():
            raise ValueError("a kid consists of printable characters")
        if self.state is KeyState.ACTIVE and self.activated is None:
            raise ValueError("an active key needs `activated`")
        if self.state is KeyState.RETIRED and self.retired is None:
            raise ValueError("a retired key needs `retired`")
        return self

    @field_serializer("private_key", when_used="json")
    def _reveal(self, value: SecretStr) -> str:
        return value.get_secret_value()

    @property
    def slot(self) -> tuple[str, Kty]:
        """The use and the key type: in each, one key is active."""
        return self.use, family(self.kind)

    @property
    def age(self) -> tuple[float, float, str]:
        """What tells the older of two keys in the same state."""
        return self.activated or 0.0, self.created, self.kid

    def published_until(self, retention: float) -> float | None:
        """Return when a retired key may vanish; None for a key that is not retired."""
        if self.state is not KeyState.RETIRED or self.retired is None:
            return None
        return self.retired + max(self.retention, retention)

    def published(self, now: float, retention: float) -> bool:
        """Say whether the key is published at a time."""
        until = self.published_until(retention)
        return until is None or now < until


class Stamp(NamedTuple):
    """What changes when a file does."""

    inode: int
    changed: int
    size: int


def file_name(kid: str) -> str:
    """Return the name of a key's file: one per kid, whatever characters it has."""
    return f"{kid_digest(kid)}.json"


def scan(directory: Path) -> dict[str, Stamp]:
    """Return the key files of a directory with what tells their versions apart. Reads none of them."""
    stamps = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                with suppress(FileNotFoundError):
                    stat = entry.stat()
                    stamps[entry.name] = Stamp(stat.st_ino, stat.st_ctime_ns, stat.st_size)
    return stamps


def read(path: Path) -> KeyFile:
    """Return what a key file says."""
    try:
        record = KeyFile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        places = sorted(
            {".".join(map(str, e["loc"])) or e["type"] for e in error.errors(include_input=False)}
        )
        raise KeyRingError(f"it is not a valid key file ({', '.join(places)})") from None
    if file_name(record.kid) != path.name:
        raise KeyRingError(
            "its name does not belong to the kid in it: key files must not be renamed or copied"
        )
    return record


def write(directory: Path, record: KeyFile) -> None:
    """Write a key file; it is there as a whole, and on disk, or not at all."""
    with _opened(directory) as folder:
        # Versions that do not know the field go on to read the other keys.
        content = record.model_dump_json(indent=2, exclude=None if record.fixed else {"fixed"})
        _replace(folder, file_name(record.kid), content.encode() + b"\n")


def remove(directory: Path, kid: str) -> None:
    """Delete a key for good, and remember its kid for ever, so that it never names another key."""
    with _opened(directory) as folder:
        with suppress(FileExistsError):
            os.mkdir(_REMOVED, mode=0o700, dir_fd=folder)
        with _opened(_REMOVED, folder) as tombs:
            _give_to_owner(tombs, folder)
            _replace(tombs, kid_digest(kid), kid.encode() + b"\n")
        with suppress(FileNotFoundError):
            os.unlink(file_name(kid), dir_fd=folder)
        os.fsync(folder)


def was_removed(directory: Path, kid: str) -> bool:
    """Say whether a key with this kid was here and is gone."""
    return (directory / _REMOVED / kid_digest(kid)).exists()


def clear_leftovers(directory: Path) -> None:
    """Delete what a killed command left behind. Call it under the lock, where no writer is at work."""
    with _opened(directory) as folder:
        _clear(folder)
        with suppress(FileNotFoundError), _opened(_REMOVED, folder) as tombs:
            _clear(tombs)


def _clear(folder: int) -> None:
    for name in os.listdir(folder):
        if name.startswith(".") and name.endswith(".tmp"):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock, so that commands that change keys follow one another."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _opened(directory) as folder:
        descriptor = os.open(".lock", os.O_RDWR | os.O_CREAT | _SAFE, 0o600, dir_fd=folder)
        try:
            _give_to_owner(descriptor, folder)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@contextmanager
def _opened(directory: Path | str, within: int | None = None) -> Iterator[int]:
    """Open a directory; one within another must be no link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if within is None else os.O_NOFOLLOW)
    descriptor = os.open(directory, flags, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _replace(folder: int, name: str, data: bytes) -> None:
    temporary = f".{name}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            _give_to_owner(file.fileno(), folder)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)


def _give_to_owner(descriptor: int, folder: int) -> None:
    """Let root's commands leave files that the service can read: they belong to the directory's owner.

    Never by a name, which whoever owns the directory could make a link in the meantime; and never a file with
    a second name, which may be anybody's.
    """
    if os.geteuid() == 0:
        owner, status = os.fstat(folder), os.fstat(descriptor)
        if S_ISDIR(status.st_mode) or status.st_nlink == 1:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
