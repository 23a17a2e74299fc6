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
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
}
DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.server))
"""The parameters of a fixture that gives a database of each kind in turn."""


class PostgreSQL:
    """A server, reached through a socket in its directory."""

    def __init__(self, directory: Path, user: str, programs: Path, **options: str) -> None:
        self.directory = directory
        self._options = {**OPTIONS, "unix_socket_directories": str(directory), **options}
        self._user = user
        self._programs = programs
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run one of its programs, as its user."""
        command = _as(self._user, [self._programs / program, *arguments])
        subprocess.run(command, check=True, capture_output=True, cwd=self.directory)

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        settings = [word for name, value in self._options.items() for word in ("-c", f"{name}={value}")]
        command = _as(self._user, [self._programs / "postgres", "-D", self.directory / "data", *settings])
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.directory)
        _wait_for(self._process, self)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it; SIGQUIT is immediate, as after a crash."""
        if self._process:
            self._process.send_signal(how)
            self._process.wait(timeout=START_SECONDS)
            self._process = None

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
def running_server(**options: str) -> Iterator[PostgreSQL]:
    """Start a server in a temporary directory; stop and remove it at the end."""
    with _directory(**options) as server:
        make = ("-U", "issuer", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        server.run("initdb", "-D", server.directory / "data", *make)
        server.start()
        yield server


@contextmanager
def standby_of(primary: PostgreSQL) -> Iterator[PostgreSQL]:
    """Start a server that follows another one, until it is promoted."""
    with _directory() as server:
        source = f"host={primary.directory} user=issuer"
        data = server.directory / "data"
        server.run("pg_basebackup", "-D", data, "-d", source, "-R", "--checkpoint=fast", "--no-sync")
        server.start()
        yield server


@contextmanager
def _directory(**options: str) -> Iterator[PostgreSQL]:
    """Give a server that has nothing yet; stop and remove it at the end."""
    programs = _programs()
    directory = Path(tempfile.mkdtemp(prefix="issuer-postgresql-"))
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()
    server = PostgreSQL(directory, user, programs, **options)
    try:
        shutil.chown(directory, user)
        yield server
    finally:
        server.stop()
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


def _wait_for(process: subprocess.Popen[bytes], server: PostgreSQL) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(server.url("postgres")).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"PostgreSQL does not start:\n{(server.directory / 'log').read_text()}")
