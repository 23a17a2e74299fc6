"""For how long a `.well-known` answer may be kept."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

SHORTEST = 5 * 60.0
DEFAULT = 24 * 3600.0
LONGEST = 48 * 3600.0
"""Server-Server API §Resolving server names: 24 hours without cache headers, at most 48."""
DIRECTIVE = re.compile(r'([a-z-]+)(?:\s*=\s*"?([0-9]{1,12})"?)?')


def seconds_fresh(headers: Mapping[str, str], now: float) -> float:
    """Return for how many seconds an answer is good, within our bounds (RFC 9111 §4.2)."""
    directives = dict(DIRECTIVE.findall(headers.get("Cache-Control", "").lower()))
    if {"no-store", "no-cache"} & directives.keys():
        return SHORTEST
    if directives.get("max-age"):
        return _bounded(float(directives["max-age"]) - _age(headers))
    if "Expires" in headers:
        return _bounded(_expires(headers["Expires"]) - now)
    return DEFAULT


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST), LONGEST)


def _age(headers: Mapping[str, str]) -> float:
    age = headers.get("Age", "")
    return float(age) if re.fullmatch("[0-9]{1,12}", age) else 0.0


def _expires(text: str) -> float:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0  # RFC 9111 §5.3: an invalid date has passed
