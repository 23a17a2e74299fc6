"""Root's commands go on as the service's user before they touch what is the service's.

Who owns a directory decides what every path through it means: with a link there, the service's user could
lead root to any file of the machine. So root walks a path only as far as nobody else can change it. What
comes then belongs to somebody, and the command becomes that user, for good: a link of theirs reaches what
they can reach anyway, and what the command makes is theirs, as the service needs it.
"""

import os
import pwd
import stat
import tomllib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

LINKS = 40
"""Links on one path, as many as the kernel follows (path_resolution(7))."""
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class PrivilegeError(Exception):
    """Root cannot go on safely; the message says what to do."""


class Owner(NamedTuple):
    """Who owns something."""

    user: int
    group: int


def owner_of(path: Path) -> Owner | None:
    """Return the first user but root who decides what a path means; None when only root does.

    Raises:
        PrivilegeError: others can write to a directory on the way, so anybody could decide.
    """
    at, rest, links = Path("/"), deque(path.absolute().parts[1:]), 0
    while rest:
        part = rest.popleft()
        if part == "..":
            at = at.parent
            continue
        found = at / part
        try:
            status = found.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if status.st_uid != 0:
            return Owner(status.st_uid, status.st_gid)
        if stat.S_ISLNK(status.st_mode):
            links += 1
            target = found.readlink()
            at = Path("/") if target.is_absolute() else at
            rest.extendleft(part for part in reversed(target.parts) if part != "/")
            if links > LINKS:
                raise PrivilegeError(f"{path}: too many links")
        else:
            _refuse_shared(found, status)
            at = found
    return None


def _refuse_shared(path: Path, status: os.stat_result) -> None:
    """Refuse a directory in which others can replace what is root's; in a sticky one they cannot."""
    others = status.st_mode & WRITABLE_BY_OTHERS
    if status.st_gid == 0:
        others &= ~stat.S_IWGRP
    if stat.S_ISDIR(status.st_mode) and others and not status.st_mode & stat.S_ISVTX:
        raise PrivilegeError(
            f"others can write to {path}, and could lead root astray there: run `chmod go-w {path}`, give it "
            "to the service's user, or run this as that user"
        )


def become_owner_of(paths: Iterable[Path]) -> str | None:
    """Become, for good, the first user but root who owns one of these; return their name, if anybody changed.

    Raises:
        PrivilegeError: root may not become somebody else here, or `owner_of` raises it.
    """
    if os.geteuid() != 0:
        return None
    owner = next((found for path in paths if (found := owner_of(path))), None)
    if owner is None:
        return None
    try:
        user = _user(owner)
        os.setgroups(user.groups)
        os.setresgid(user.group, user.group, user.group)
        os.setresuid(owner.user, owner.user, owner.user)
    except OSError as error:
        raise PrivilegeError(
            f"root cannot become the user {owner.user}, who owns this: {error.strerror}"
        ) from None
    os.environ["HOME"] = user.home
    return user.name


@contextmanager
def as_owner_of(path: Path) -> Iterator[None]:
    """Be the user but root who owns a path, for as long as it takes to open it."""
    owner = owner_of(path) if os.geteuid() == 0 else None
    if owner is None:
        yield
        return
    user, groups = _user(owner), os.getgroups()
    os.setgroups(user.groups)
    os.setegid(user.group)
    os.seteuid(owner.user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


class _User(NamedTuple):
    name: str
    group: int
    groups: list[int]
    home: str


def _user(owner: Owner) -> _User:
    """Return what the machine says of a user; one whom it does not know has the group of the file."""
    try:
        known = pwd.getpwuid(owner.user)
    except KeyError:
        return _User(str(owner.user), owner.group, [owner.group], "/")
    return _User(known.pw_name, known.pw_gid, os.getgrouplist(known.pw_name, known.pw_gid), known.pw_dir)


def places(file: Path | None, environ: Mapping[str, str]) -> Iterator[Path]:
    """Give the paths that a configuration names, before it is validated: first where data and keys are."""
    data = _content(file)
    base = (file or Path()).absolute().parent if file else Path.cwd()
    keys, store = data.get("keys"), data.get("store")
    given = (
        environ.get("ISSUER__DATA_DIR") or environ.get("ISSUER_DATA_DIR") or data.get("data_dir", "data"),
        environ.get("ISSUER__KEYS__DIRECTORY")
        or (keys.get("directory", "keys") if isinstance(keys, dict) else "keys"),
        environ.get("ISSUER__STORE__URL") or (store.get("url") if isinstance(store, dict) else None),
        *_files(data),
    )
    for name in given:
        if isinstance(name, str) and not name.startswith(("postgres://", "postgresql")) and "\0" not in name:
            yield base / Path(name.removeprefix("sqlite:///")).expanduser()


def _content(file: Path | None) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8")) if file else {}
    except (OSError, ValueError, RecursionError):
        return {}  # reading it again says what is wrong


def _files(node: Any) -> Iterator[Any]:
    """Give the values of options that end in `_file`, wherever they are."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name.endswith("_file"):
                yield value
            else:
                yield from _files(value)
    elif isinstance(node, list):
        for value in node:
            yield from _files(value)
