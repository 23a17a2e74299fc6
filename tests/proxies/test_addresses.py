"""A visitor's own forwarded headers, behind real reverse proxies."""

import random
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import pytest

from tests.proxies.servers import KINDS, PASSED_ON, Proxy
from tests.service import PASSWORD, Service, answers, wait_for

VISITOR = "127.0.0.2"
INSIDE = 'isInNet("127.0.0.1/32", "10.0.0.0/8")'
CONFIGURATION = f"""\
public_url = "http://127.0.0.1:{{port}}/"

[server]
bind = "127.0.0.1:{{port}}"
workers = 1
trusted_proxies = ["127.0.0.1"]

[second_factor]
key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
required = '!{INSIDE}'

[modules.jitsi]
server_url = "https://meet.example.com"
app_id = "jitsi"
algorithm = "RS256"
rule = '{INSIDE}'
"""
NOTHING: list[bytes] = []
RANDOM = 300
FORGED = [
    NOTHING,
    [b"X-Forwarded-For: 10.0.0.1"],
    [b"X-Forwarded-For: \xe9"],
    [b"X-Forwarded-For: 10.0.0.1, \xff\xfe"],
    [b"X-Forwarded-For: \xc3\xa9, 10.0.0.1"],
    [b"X-Forwarded-For: 10.0.0.1", b"X-Forwarded-For: \xe9"],
    [b"X-Forwarded-For: \xe9", b"X-Forwarded-For: 10.0.0.1"],
    [b"X-Forwarded-For:"],
    [b"X-Forwarded-For: 10.0.0.1,"],
    [b'X-Forwarded-For: "10.0.0.1'],
    [b"X-Forwarded-For: unknown"],
    [b"X-Forwarded-For: " + b"10.0.0.1, " * 300],
    [b"X_Forwarded_For: 10.0.0.1"],
    [b"Forwarded: for=10.0.0.1"],
    [b"Forwarded: for=10.0.0.1", b"X-Forwarded-For: \xe9"],
    [b"X-Real-IP: 10.0.0.1", b"Client-IP: 10.0.0.1"],
    *([b"X-Forwarded-For: 10.0.0.1" + bytes([code])] for code in range(0x80, 0x100, 9)),
]
ANY = bytes([9, *range(32, 127), *range(128, 256)])
"""What HTTP lets a value be made of (RFC 9110 §5.5)."""


def random_lines(seed: int) -> list[bytes]:
    """Return one or two headers with an address of the inside somewhere among any bytes."""
    source = random.Random(seed)

    def value() -> bytes:
        junk = [bytes(source.choices(ANY, k=source.randint(0, 12))) for _ in range(2)]
        inside = source.choice(
            [b"10.0.0.1", b"127.0.0.1", b'"10.0.0.1"', b"10.0.0.1:5", b"[::ffff:10.0.0.1]"]
        )
        comma = source.choice([b"", b",", b", ", b",,", b" , "])
        return comma.join(source.sample([*junk, inside], 3))

    names = [b"X-Forwarded-For", b"x-forwarded-for", b"Forwarded", b"X-Forwarded-For"]
    start = {b"Forwarded": b"for="}
    chosen = [source.choice(names) for _ in range(source.randint(1, 2))]
    return [name + b": " + start.get(name, b"") + value() for name in chosen]


UNREADABLE = [
    [b"X-Forwarded-For: " + value]
    for value in (
        b"\xe9",
        b"10.0.0.1, \xff\xfe",
        b"10.0.0.1\xe9",
        b"unknown",
        b"_hidden",
        b"10.0.0.1,",
        b'"10.0.0.1',
    )
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, programs: None) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("gateway"), CONFIGURATION)
    running.add_users("dwho")
    running.start()
    yield running
    running.stop()


def proxy_before(service: Service, kind: str, **options: str) -> Iterator[Proxy]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        running = Proxy(kind, folder, service.port, **options)
        try:
            wait_for(lambda: answers(f"http://127.0.0.1:{running.port}/healthz"), kind)
            yield running
        finally:
            running.stop()


@pytest.fixture(scope="module", params=list(KINDS))
def proxy(request: pytest.FixtureRequest, service: Service) -> Iterator[Proxy]:
    yield from proxy_before(service, request.param)


@pytest.fixture(scope="module")
def careless(service: Service) -> Iterator[Proxy]:
    """An nginx that passes on what a visitor wrote, and adds nothing."""
    yield from proxy_before(service, "nginx", value=PASSED_ON)


def send(port: int, start: str, lines: list[bytes], body: bytes = b"", source: str = VISITOR) -> str:
    """Send a request from an address; return the head of the answer."""
    head = [start.encode() + b" HTTP/1.1", b"Host: 127.0.0.1", b"Connection: close", *lines]
    with socket.create_connection(("127.0.0.1", port), 60, (source, 0)) as connection:
        connection.sendall(b"\r\n".join(head) + b"\r\n\r\n" + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return answer.partition(b"\r\n\r\n")[0].decode("latin-1")


@pytest.fixture(scope="module")
def session(service: Service) -> bytes:
    """The cookie of somebody who signed in inside."""
    return b"Cookie: issuer_session=" + service.sign_in("dwho").cookies["issuer_session"].encode()


def meeting(session: bytes, port: int, lines: list[bytes]) -> int:
    """Ask for a meeting; return the status."""
    return int(send(port, "GET /jitsi/login?room=x", [session, *lines]).split(" ", 2)[1])


def asks_for_code(port: int, lines: list[bytes]) -> bool:
    """Send the form; tell whether no session came of it."""
    body = urlencode({"login": "dwho", "password": PASSWORD, "next": "/"}).encode()
    form = [
        b"Content-Type: application/x-www-form-urlencoded",
        b"Content-Length: %d" % len(body),
        b"Sec-Fetch-Site: same-origin",
    ]
    answer = send(port, "POST /login", [*form, *lines], body)
    assert answer.split(" ", 2)[1] in {"303", "400"}, answer
    return "issuer_session=" not in answer


@pytest.mark.real
def test_a_visitors_own_header_never_makes_an_address_of_the_inside(
    service: Service, session: bytes, proxy: Proxy
) -> None:
    """With a real nginx that appends, a real Apache, HAProxy and Caddy: a visitor's own `X-Forwarded-For` of any bytes never makes `ip` an address of the inside; without a readable address `isInNet` says no and a second factor is asked for."""  # noqa: E501
    assert meeting(session, service.port, [b"X-Forwarded-For: 10.0.0.7"]) == 403  # nobody trusts 127.0.0.2
    for lines in FORGED:
        assert meeting(session, proxy.port, lines) in {400, 403}, lines
        assert asks_for_code(proxy.port, lines), lines
    seen = [meeting(session, proxy.port, random_lines(seed)) for seed in range(RANDOM)]
    assert {*seen} <= {400, 403}
    assert seen.count(403) > RANDOM / 2, "the proxy itself must not have refused them all"


@pytest.mark.real
def test_without_a_readable_address_nobody_is_inside(
    service: Service, session: bytes, careless: Proxy
) -> None:
    """With a real nginx that appends, a real Apache, HAProxy and Caddy: a visitor's own `X-Forwarded-For` of any bytes never makes `ip` an address of the inside; without a readable address `isInNet` says no and a second factor is asked for."""  # noqa: E501
    assert meeting(session, careless.port, [b"X-Forwarded-For: 10.0.0.1"]) == 302  # as it was told to
    for lines in UNREADABLE:
        assert meeting(session, careless.port, lines) == 403, lines
        assert asks_for_code(careless.port, lines), lines
    assert "The proxy must add the address that calls it" in service.log.read_text()
