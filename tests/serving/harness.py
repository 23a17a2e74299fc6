"""Starts and talks to `tests.serving.program`."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

DEADLINE = 20.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def until(condition: Callable[[], bool], seconds: float = DEADLINE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this did not become true in time"
        time.sleep(0.02)


class Server:
    def __init__(self, log: Path, **options: Any) -> None:
        self.port = options.pop("port", None) or free_port()
        self.log = log
        given = {"bind": f"127.0.0.1:{self.port}", "workers": 2, "threads": 2, **options}
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.serving.program", json.dumps(given)],
                cwd=Path(__file__).parents[2],
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self.status = psutil.Process(self.process.pid)

    def wait_ready(self) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == b"ready\n", self.log.read_text()

    def children(self) -> list[psutil.Process]:
        return self.status.children()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send raw bytes on a connection of their own; return the status and the body of the answer."""
        with self.connect() as connection:
            connection.sendall(request)
            return answer_on(connection)

    def get(self, path: str = "/", header: bytes = b"") -> tuple[int, bytes]:
        return self.ask(b"GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (path.encode(), header))

    def post(self, path: str, body: bytes, header: bytes = b"") -> tuple[int, bytes]:
        fields = b"Host: a\r\nContent-Length: %d\r\n%s" % (len(body), header)
        return self.ask(b"POST %s HTTP/1.1\r\n%s\r\n%s" % (path.encode(), fields, body))

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(DEADLINE)


def answer_on(connection: socket.socket) -> tuple[int, bytes]:
    with connection.makefile("rb") as stream:
        status = stream.readline()
        assert status.startswith(b"HTTP/1."), f"not an answer: {status!r}"
        length = 0
        while (line := stream.readline()) not in {b"\r\n", b""}:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return int(status.split()[1]), stream.read(length)


@contextmanager
def running(log: Path, **options: Any) -> Iterator[Server]:
    server = Server(log, **options)
    try:
        server.wait_ready()
        yield server
    finally:
        survivors = server.children() if server.process.poll() is None else []
        server.process.kill()
        server.process.wait()
        assert server.process.stdout
        server.process.stdout.close()
        psutil.wait_procs(survivors, DEADLINE)
