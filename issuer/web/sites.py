"""Sites: which origins a browser counts as one, so that it sends the session cookie from one to the other."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def same_site(one: str, other: str) -> bool:
    """Tell whether two http(s) URLs are same-site (HTML Standard §7.1.1: scheme and registrable domain)."""
    first, second = urlsplit(one), urlsplit(other)
    return first.scheme == second.scheme and _site(first.hostname or "") == _site(second.hostname or "")


def _site(host: str) -> str:
    """Return the registrable domain of a host by the Public Suffix List; where it has none, the host."""
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - the list takes 60 ms to read

    try:
        ip_address(host)
    except ValueError:
        host = host.rstrip(".")
        return PublicSuffixList().privatesuffix(host) or host
    return host
