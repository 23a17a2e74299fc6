"""Header fields of any bytes on a real connection: raw HTTP/1.1, to the server as operators run it."""

import random
import socket
import string
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from issuer.testing.routes import HEADERS
from tests.service import Service, answers

CONFIGURATION = """\
public_url = "http://127.0.0.1:{port}/"

[server]
bind = "127.0.0.1:{port}"
workers = 1
trusted_proxies = ["127.0.0.1"]

[second_factor]
key = "oYb3Rk9Tq2Lm7Xw4Vd8Zf1Nc6Hs5Jp0G"

[backends.local]

[backends.header]
trusted_addresses = ["127.0.0.1"]
user_header = "X-Remote-User"
groups_header = "X-Remote-Groups"
beside_others = true

[modules.jitsi]
server_url = "https://meet.example.com"
app_id = "jitsi"
algorithm = "RS256"
"""
NAMES = (
    *("Accept", "Accept-Encoding", "Accept-Language", "Access-Control-Request-Headers", "Authorization"),
    *("Access-Control-Request-Method", "Cache-Control", "Content-Encoding", "Content-Type", "Cookie", "DNT"),
    *("Forwarded", "From", "Host", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "Origin"),
    *("If-Unmodified-Since", "Max-Forwards", "Pragma", "Prefer", "Proxy-Authorization", "Range", "Referer"),
    *("Sec-Fetch-Site", "Sec-WebSocket-Key", "User-Agent", "Via", "X-Forwarded-For", "X-Forwarded-Host"),
    *("X-Forwarded-Proto", "X-HTTP-Method-Override", "X-Remote-User", "X-Remote-Groups", "X-Request-Id"),
)
FRAMING = ("Connection", "Content-Length", "Expect", "TE", "Trailer", "Transfer-Encoding", "Upgrade")
"""They say where a request ends: what they cannot say, the engine refuses (RFC 9112 §6.3)."""
COOKIES = ("issuer_session", "issuer_browser", "issuer_way", "issuer_step", "issuer_oidc_x", "other")
PATHS: tuple[str, ...] = (
    *("/", "/login", "/sessions", "/healthz", "/readyz", "/logout", "/second-factor", "/nothing"),
    *("/static/style.css", "/jitsi/login", "/jitsi/login/x", "/jitsi/keys.json", "/.well-known/jwks.json"),
)
METHODS = ("GET", "GET", "POST", "HEAD", "OPTIONS", "PUT")
TOKEN = bytes(sorted({*b"!#$%&'*+-.^_`|~", *range(48, 58), *range(65, 91), *range(97, 123)}))
"""RFC 9110 §5.6.2: what a name is made of."""
VALUE = bytes([9, *range(32, 127), *range(128, 256)])
"""RFC 9110 §5.5: what a value is made of."""
STARTS = (
    *(b"", b"", b"Bearer ", b"Basic ", b"a=b; ", b"for=", b'W/"', b"bytes=", b"same-origin"),
    *(b"text/html; charset=", b"multipart/form-data; boundary=", b"127.0.0.1, "),
)
REQUESTS = 6000
PATIENCE = 30.0
IN_QUERY = b"".join([string.ascii_letters.encode(), string.digits.encode(), b"-._~!$&'()*+,;=:@/?%"])
"""RFC 3986 §3.4, and percent signs that encode nothing."""


@dataclass(frozen=True)
class Wire:
    """A request as bytes."""

    data: bytes
    is_http: bool
    """HTTP allows every byte of it, so the engine has no reason to refuse it."""


def made(source: random.Random) -> Wire:
    """Return a request with some header fields and cookies of any bytes."""
    strange = source.random() < 0.2
    letters, names = (bytes(range(256)), bytes(range(256))) if strange else (VALUE, TOKEN)
    fields = [_field(source, letters, names) for _ in range(source.randint(1, 4))]
    framed = source.random() < 0.1
    if framed:
        fields.append((source.choice(FRAMING).encode(), _some(source, letters)))
    query = b"?" + _some(source, IN_QUERY) if source.random() < 0.3 else b""
    line = source.choice(METHODS).encode() + b" " + source.choice(PATHS).encode() + query
    head = [line + b" HTTP/1.1", b"Host: 127.0.0.1", b"Connection: close"]
    lines = [name + b": " + value for name, value in fields]
    allowed = all(name and {*name} <= {*TOKEN} and {*value} <= {*VALUE} for name, value in fields)
    return Wire(b"\r\n".join([*head, *lines]) + b"\r\n\r\n", allowed and not framed)


def _field(source: random.Random, letters: bytes, names: bytes) -> tuple[bytes, bytes]:
    if source.random() < 0.4:
        cookie = source.choice(COOKIES).encode()
        pairs = [cookie + b"=" + _some(source, letters) for _ in range(source.randint(1, 3))]
        return b"Cookie", b"; ".join(pairs)
    if source.random() < 0.8:
        return source.choice(NAMES).encode(), source.choice(STARTS) + _some(source, letters)
    return _some(source, names) or b"X", _some(source, letters)


def _some(source: random.Random, letters: bytes) -> bytes:
    return bytes(source.choices(letters, k=source.randint(0, 40)))


def send(port: int, data: bytes) -> bytes:
    """Send bytes, and return the answer; the server closes the connection, or says nothing at all."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(data)
        found = bytearray()
        while some := connection.recv(65536):
            found += some
    return bytes(found)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, programs: None) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("wire"), CONFIGURATION)
    running.start()
    yield running
    running.stop()


@pytest.mark.parametrize("seed", range(4))
def test_header_fields_of_any_bytes_on_a_connection(service: Service, seed: int) -> None:
    """A fuzz of every header name and cookie with arbitrary bytes: no 500, no traceback, no answer without
    the security headers.

    What HTTP forbids is no request, and reaches nobody: the engine answers it with a status alone.
    """
    source = random.Random(seed)
    for number in range(REQUESTS // 4):
        wire = made(source)
        answer = send(service.port, wire.data)
        said = (seed, number, wire.data, answer[:300])
        head, _, content = answer.partition(b"\r\n\r\n")
        names = {line.partition(b":")[0].decode().lower() for line in head.split(b"\r\n")[1:]}
        status = int(head.split(b" ", 2)[1]) if head else 0
        assert status < 500, said
        if not names >= SECURITY:
            assert not wire.is_http, said
            assert (status in {0, 400, 414, 431}, content) == (True, b""), said
    assert answers(service.url + "/healthz")
    log = service.log.read_text()
    assert "Traceback" not in log
    assert '"level":"ERROR"' not in log


SECURITY = {name.lower() for name in HEADERS - {"Strict-Transport-Security"}}
"""The last one is for `https` alone."""
