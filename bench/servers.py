"""Servers as processes of their own: the product as operators run it, and the baseline."""

import contextlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

ISSUER = Path(sys.executable).with_name("issuer")
PATIENCE = 30.0
ANY_CERTIFICATE = ssl._create_unverified_context()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str, cookie: str = "", *, tls: bool = False) -> http.client.HTTPResponse:
    """Return the answer to one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    if tls:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=ANY_CERTIFICATE)
    connection.request("GET", path, headers={"Cookie": cookie, "Connection": "close"})
    return connection.getresponse()


def wait_for_answer(port: int, path: str, *, tls: bool = False) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError):
            get(port, path, tls=tls)
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer on port {port} within {PATIENCE:g} s")
        time.sleep(0.005)


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path, *, tls: bool = False) -> Iterator[psutil.Process]:
    """Run a server until the end of the block; its log goes to a file."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ISSUER_")}
    with log.open("ab") as errors:
        process = subprocess.Popen(command, stderr=errors, env=environ)
    try:
        wait_for_answer(port, "/healthz", tls=tls)
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def baseline(directory: Path, port: int) -> contextlib.AbstractContextManager[psutil.Process]:
    """Run the bare Flask routes with the product's server, threads and number of workers."""
    workers = str(os.cpu_count() or 1)
    command = [sys.executable, "-m", "bench.baselines.bare", str(port), workers]
    return running(command, port, directory / "baseline.log")
