"""An authenticator app: reads a QR code as a phone does, and shows codes by an implementation of its own."""

import base64
import hmac
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import zxingcpp

SCALE = 4


@dataclass(frozen=True)
class App:
    """What an app knows after the scan."""

    label: str
    service: str
    secret: str

    @classmethod
    def scan(cls, svg: str) -> "App":
        uri = urlsplit(read_qr(svg))
        assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
        query = {name: values[0] for name, values in parse_qs(uri.query).items()}
        assert set(query) <= {"secret", "issuer", "algorithm", "digits", "period"}
        assert query.get("algorithm", "SHA1") == "SHA1"
        assert (query.get("digits", "6"), query.get("period", "30")) == ("6", "30")
        return cls(unquote(uri.path).lstrip("/"), query["issuer"], query["secret"])

    def code(self, now: float, steps: int = 0) -> str:
        """Return the code of a moment, or of some steps later (RFC 4226 §5.3, RFC 6238 §4.2)."""
        counter = int(now // 30) + steps
        digest = hmac.digest(base64.b32decode(self.secret), counter.to_bytes(8), "sha1")
        start = digest[-1] & 15
        number = int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF
        return f"{number % 1_000_000:06d}"


def read_qr(svg: str) -> str:
    """Paint the picture, and read it with another library."""
    size = int(re.search(r'viewBox="0 0 (\d+) \1"', svg)[1]) * SCALE  # type: ignore[index]
    path = re.search(r' d="([^"]+)"', svg)[1]  # type: ignore[index]
    picture = bytearray(b"\xff" * size * size)
    x = y = 0.0
    for word, numbers in re.findall(r"([Mmh])([-\d. ]+)", path):
        values = [float(number) for number in numbers.split()]
        if word == "h":
            _paint(picture, size, int(x), int(y), int(values[0]))
            x += values[0]
        else:
            x, y = (values[0], values[1]) if word == "M" else (x + values[0], y + values[1])
    (found,) = zxingcpp.read_barcodes(memoryview(bytes(picture)).cast("B", (size, size)))
    return str(found.text)


def _paint(picture: bytearray, size: int, x: int, y: int, length: int) -> None:
    for line in range(y * SCALE, (y + 1) * SCALE):
        start = line * size + x * SCALE
        picture[start : start + length * SCALE] = bytes(length * SCALE)
