"""A sign-in and an exchange of a code on PostgreSQL, against bare psycopg that writes the same rows.

The server is on this machine, and waits for no disk. Sign-ins come one at a time; each hashes a password.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

from bench.figures import Figure, ratios
from bench.load import send_form
from bench.oidc import CONFIGURATION, SECRET, each_once, prepare
from bench.servers import ISSUER, free_port, running
from issuer.cli import Shell
from tests.postgresql import PostgreSQL, running_server

CODES = 30_000
SIGN_INS = 100
"""Of a round."""


def figures(directory: Path) -> Iterator[Figure]:
    """Measure both; each has a database of its own."""
    with (
        running_server(synchronous_commit="on") as server,
        product(directory / "ours", server) as ours,
        bare(directory / "theirs", server) as theirs,
    ):
        yield sign_in(ours, theirs)
        yield exchange(ours, theirs)


def sign_in(ours: int, theirs: int) -> Figure:
    values, note = ratios(lambda: sign_ins(ours), lambda: sign_ins(theirs))
    return Figure("PostgreSQL sign-in : bare psycopg program", 0.5, values, f"{note} /s", is_ratio=True)


def exchange(ours: int, theirs: int) -> Figure:
    send = [each_once(f"http://127.0.0.1:{ours}/oidc/token?code-es256")]
    send.append(each_once(f"http://127.0.0.1:{theirs}/token?code-es256"))
    values, note = ratios(lambda: send[0]().rate, lambda: send[1]().rate)
    return Figure("PostgreSQL code, ES256 : bare psycopg program", 0.5, values, f"{note} /s", is_ratio=True)


def sign_ins(port: int) -> float:
    """Return how many there are in a second."""
    with closing(HTTPConnection("127.0.0.1", port)) as browser:
        begin = time.perf_counter()
        for _ in range(SIGN_INS):
            send_form(browser, "bench", SECRET)
        return SIGN_INS / (time.perf_counter() - begin)


@contextmanager
def product(folder: Path, server: PostgreSQL) -> Iterator[int]:
    port, file, _ = laid_out(folder, server)
    with running([str(ISSUER), "--config", str(file), "serve"], port, folder / "log"):
        yield port


@contextmanager
def bare(folder: Path, server: PostgreSQL) -> Iterator[int]:
    port, _, url = laid_out(folder, server)
    command = [sys.executable, "-m", "bench.baselines.rows", str(port), str(os.cpu_count() or 1), url]
    with running(command, port, folder / "log"):
        yield port


def laid_out(folder: Path, server: PostgreSQL) -> tuple[int, Path, str]:
    """Make a database with a user and codes; return a port, the configuration, and the URL."""
    folder.mkdir()
    port, file, url = free_port(), folder / "issuer.toml", server.url(server.create_database())
    file.write_text(f'{CONFIGURATION.format(port=port)}\n[store]\nurl = "{url}"\n')
    shell = Shell(str(file), {})
    prepare(shell, CODES)
    shell.parts.store.close()
    return port, file, url
