"""Types that options are made of: durations, network binds, addresses, secrets."""

import re
import ssl
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

from issuer.settings.base import ConfigPath

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST_DURATION = 100 * 365 * 86400.0
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
BIND = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]/\s]*):(?P<port>\d{1,5})")


def _duration(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError('not a duration: write seconds, or a text such as "5m"')  # noqa: TRY004 - pydantic's
    if isinstance(value, str):
        match = DURATION.fullmatch(value.strip())
        if not match:
            raise ValueError('not a duration: write seconds, or a number with s, m, h or d, as in "5m"')
        return float(match[1]) * UNITS[match[2] or "s"]
    return value


def _bounded(value: float) -> float:
    if not 0 < value <= LONGEST_DURATION:
        raise ValueError("must be more than nothing and at most 100 years")
    return value


def _not_negative(value: float) -> float:
    if not 0 <= value <= LONGEST_DURATION:
        raise ValueError("must be 0 or more, and at most 100 years")
    return value


def _network(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return ip_network(value, strict=False)
        except ValueError:
            raise ValueError("not an address or network: write 192.0.2.7 or 2001:db8::/32") from None
    return value


def _bind(value: str) -> str:
    match = BIND.fullmatch(value)
    if not match or int(match["port"]) > 65535 or not _is_host(match["host"]):
        raise ValueError('not an address to listen on: write "127.0.0.1:8080", ":8080" or "[::1]:8080"')
    return value


def _is_host(host: str) -> bool:
    """Tell whether a host is absent, an address, or a name that is not meant as an address."""
    if not host.startswith("[") and not re.fullmatch(r"[\d.]+", host):
        return True
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _web_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not value.isascii():
        raise ValueError('not an http or https URL: write it as "https://meet.example.com/"')
    if parts.username is not None or parts.fragment or re.search(r"[\s\\\"<>^`{|}\x00-\x1f\x7f]", value):
        raise ValueError("a URL here has no user, no fragment, no spaces and no quotes")
    parts.port  # noqa: B018 - raises ValueError when the port is out of range
    return value


def _base_url(value: str) -> str:
    if urlsplit(_web_url(value)).query:
        raise ValueError("a base URL has no query")
    return value if value.endswith("/") else value + "/"


def _public_url(value: str) -> str:
    value = _base_url(value)
    if urlsplit(value).path != "/":
        raise ValueError('the portal lives at the root of its host: write it as "https://auth.example.com/"')
    return value


def _mount_path(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value) or "/." in value:
        raise ValueError('not a path: write it as "/jitsi", without a final slash')
    return value


def _certificates(path: Path) -> Path:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        raise ValueError(f"holds no certificates that can be read: {error.strerror}") from None
    return path


Duration = Annotated[float, BeforeValidator(_duration), AfterValidator(_bounded)]
"""Seconds; in the file a number of seconds or a text such as "90s", "5m", "12h", "30d"."""

DurationOrNone = Annotated[float, BeforeValidator(_duration), AfterValidator(_not_negative)]
"""The same, where 0 turns something off."""

CaFile = Annotated[ConfigPath, AfterValidator(_certificates)]
"""A PEM file with certificates of authorities."""

Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
"""An address or a network in CIDR notation."""

Bind = Annotated[str, AfterValidator(_bind)]
"""`host:port`; an empty host means every address of this machine."""

BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""An http or https URL without query, kept with a final slash."""

WebUrl = Annotated[str, AfterValidator(_web_url)]
"""An http or https URL, kept as it is."""

PublicUrl = Annotated[str, AfterValidator(_public_url)]
"""Scheme, host and port of the portal, with a final slash."""

MountPath = Annotated[str, AfterValidator(_mount_path)]
"""Where an instance's routes live, as in "/jitsi"."""

Secret = SecretStr
"""A secret: given as a value, or through the option with `_env` or `_file` appended."""


def bind_parts(bind: str) -> tuple[str, int]:
    """Return (host, port) of a `Bind`; an empty host becomes "0.0.0.0"."""
    match = BIND.fullmatch(bind)
    if not match:
        raise ValueError(bind)
    return match["host"].strip("[]") or "0.0.0.0", int(match["port"])  # noqa: S104 - the operator asks for it


def is_loopback(bind: str) -> bool:
    """Tell whether only this machine reaches a `Bind`."""
    host = bind_parts(bind)[0]
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _origin(url: str) -> str:
    if urlsplit(url).path != "/":
        raise ValueError('an origin has no path: write it as "https://app.example.com"')
    return origin(url)


Origin = Annotated[BaseUrl, AfterValidator(_origin)]
"""Scheme, host and port of a page, as a browser names it (RFC 6454 §6.2)."""


def origin(url: str) -> str:
    """Return the origin of an http(s) URL (RFC 6454 §6.2), without a default port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    port = f":{parts.port}" if parts.port and parts.port != default else ""
    return f"{parts.scheme}://{host}{port}"
