"""A private PostgreSQL server from the Debian package, one for each worker of a test session.

Every test may ask for the fixture `postgresql`. A missing server is a failure.
"""

import getpass
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

REMEDY = "PostgreSQL is missing: apt-get install --yes postgresql"
START_SECONDS = 60.0
DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.server))
"""The parameters of a fixture that gives a database of each kind in turn."""


class PostgreSQL:
    """A running server, reached through a socket in its directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._numbers = itertools.count(1)

    def create_database(self) -> str:
        """Make a database and return its name."""
        name = f"test{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return name

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def cut(self, name: str) -> int:
        """End every connection to a database, as a restart would; return how many there were."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
            return len(connection.execute(cut, [name]).fetchall())

    def url(self, database: str) -> str:
        return f"postgresql://issuer@/{database}?host={self.directory}"


@pytest.fixture(scope="session")
def postgresql(programs: None) -> Iterator[PostgreSQL]:
    """Give a server with no database of ours."""
    with running_server() as server:
        yield server


@contextmanager
def running_server() -> Iterator[PostgreSQL]:
    """Start a server in a temporary directory; stop and remove it at the end."""
    programs = _programs()
    directory = Path(tempfile.mkdtemp(prefix="issuer-postgresql-"))
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()
    try:
        shutil.chown(directory, user)
        data = directory / "data"
        make: list[str | Path] = [
            "-D",
            data,
            "-U",
            "issuer",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
        ]
        subprocess.run(_as(user, [programs / "initdb", *make]), check=True, capture_output=True)
        with _started(user, programs, directory):
            yield PostgreSQL(directory)
    finally:
        shutil.rmtree(directory)


def _programs() -> Path:
    """Find the directory of the server's programs: Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    pytest.fail(REMEDY)


def _as(user: str, command: list[str | Path]) -> list[str]:
    """Run a command as a user, and interrupt it when this process dies: the server refuses to run as root."""
    entry = pwd.getpwnam(user)
    ids = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    switch = ids if os.geteuid() == 0 else []
    return ["setpriv", *switch, "--pdeathsig=INT", *map(str, command)]


@contextmanager
def _started(user: str, programs: Path, directory: Path) -> Iterator[None]:
    options = {
        "listen_addresses": "",
        "unix_socket_directories": directory,
        "fsync": "off",
        "synchronous_commit": "off",
        "shared_buffers": "32MB",
        "max_connections": "200",
    }
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            _as(user, [programs / "postgres", "-D", directory / "data", *settings]),
            stdout=log,
            stderr=log,
            cwd=directory,
        )
        try:
            _wait_for(server, directory)
            yield
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=START_SECONDS)


def _wait_for(server: subprocess.Popen[bytes], directory: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            psycopg.connect(PostgreSQL(directory).url("postgres")).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"PostgreSQL does not start:\n{(directory / 'log').read_text()}")
