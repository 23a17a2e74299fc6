"""Connections that do nothing, in thousands: over TLS and without, from one address and from many."""

import http.client
import resource
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest

from tests.service import CONFIGURATION, PASSWORD, Service, wait_for

HALF_OPEN, NEVER_READ, IDLE = 2000, 200, 500
FILES = 1024
"""Open files of a process of the server, as many systems allow."""
OTHERS = 20
SECONDS = 10
"""For how long somebody waits for an answer."""
HELLO = bytes.fromhex("16030100c8010000c40303")
"""The beginning of a ClientHello."""
PAGE = b"GET /login HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass
class Target:
    """A server, how it is spoken to, and where its attackers sit."""

    service: Service
    tls: ssl.SSLContext | None
    sources: list[str]

    def connect(self, number: int) -> socket.socket:
        """Connect as the attacker of this number; it takes as long as the server lets it wait."""
        connection = socket.socket()
        connection.bind((self.sources[number % len(self.sources)], 0))
        connection.setblocking(False)
        connection.connect_ex(("127.0.0.1", self.service.port))
        return connection

    def shake_hands(self, number: int) -> socket.socket:
        connection = self.connect(number)
        connection.settimeout(SECONDS)
        return self.tls.wrap_socket(connection) if self.tls else connection

    def sign_in(self) -> int:
        """Sign in as somebody else does, on a connection of their own; return the status of the answer."""
        where, scheme = ("127.0.0.1", self.service.port), "https" if self.tls else "http"
        connection = (
            http.client.HTTPSConnection(*where, context=self.tls, timeout=SECONDS)
            if self.tls
            else http.client.HTTPConnection(*where, timeout=SECONDS)
        )
        form = urlencode({"login": "dwho", "password": PASSWORD, "next": "/"})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        headers["Origin"] = f"{scheme}://127.0.0.1:{self.service.port}"
        connection.request("POST", "/login", form, headers)
        try:
            return connection.getresponse().status
        finally:
            connection.close()

    def descriptors(self) -> int:
        """Return how many files the processes of the server have open."""
        return sum(process.num_fds() for process in self.service.workers())

    def processes(self) -> set[int]:
        return {process.pid for process in self.service.workers()}


@pytest.fixture(params=["http", "https"])
def served(request: pytest.FixtureRequest, tmp_path: Path, programs: None) -> Iterator[Target]:
    tls, options = None, ""
    if request.param == "https":
        tls, options = certificate(tmp_path)
    configuration = CONFIGURATION.replace("http://", f"{request.param}://", 1).replace(
        "workers = 2", f"workers = 2\n{options}"
    )
    service = Service(tmp_path, configuration)
    service.add_users("dwho")
    service.command = ["prlimit", f"--nofile={FILES}:{FILES}", *service.command]
    target = Target(service, tls, [])
    with service.log.open("wb") as log:
        command = [*service.command, "--config", str(service.file), "serve"]
        service.process = subprocess.Popen(command, stderr=log)
    wait_for(lambda: "listening on" in service.log.read_text(), "the server")
    yield target
    service.stop()


def certificate(folder: Path) -> tuple[ssl.SSLContext, str]:
    pem, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(pem)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    context = ssl.create_default_context(cafile=str(pem))
    context.check_hostname = False
    return context, f'tls_certificate = "{pem}"\ntls_key = "{key}"'


@pytest.fixture(autouse=True)
def descriptors() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def half_open(target: Target, number: int) -> socket.socket:
    connection = target.connect(number)
    if number % 2:
        with suppress(OSError):
            connection.send(HELLO if target.tls else b"GET / HT")
    return connection


def never_reads(target: Target, number: int) -> socket.socket:
    connection = target.shake_hands(number)
    connection.setblocking(False)
    with suppress(OSError):
        while connection.send(PAGE * 20):
            pass
    return connection


def idle(target: Target, number: int) -> socket.socket:
    connection = target.shake_hands(number)
    connection.sendall(PAGE)
    connection.recv(1)
    return connection


ATTACKS = [(HALF_OPEN, half_open), (NEVER_READ, never_reads), (IDLE, idle)]


@pytest.mark.real
@pytest.mark.parametrize("addresses", [1, 2500])
def test_others_sign_in_beside_thousands_who_do_nothing(served: Target, addresses: int) -> None:
    """2,000 half-open handshakes, 200 clients that never read, 500 idle ones, from one address and from many:
    others sign in meanwhile, and afterwards the worker takes connections as before.
    """
    served.sources = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(addresses)]
    assert served.sign_in() == 303
    before, processes = served.descriptors(), served.processes()
    with ExitStack() as stack:
        for count, attack in ATTACKS:
            for number in range(count):
                with suppress(OSError):  # who is sent away at once has what it deserves
                    stack.enter_context(attack(served, number))
            assert [served.sign_in() for _ in range(OTHERS)] == [303] * OTHERS
    assert [served.sign_in() for _ in range(OTHERS)] == [303] * OTHERS
    wait_for(lambda: served.descriptors() <= before + 10, "the descriptors of the attackers")
    assert served.processes() == processes
    assert psutil.Process(served.service.process.pid).is_running()
