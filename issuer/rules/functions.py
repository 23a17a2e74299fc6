"""The functions that rules have on top of CEL's own.

Each takes the scope first; `functools.partial` binds it for one evaluation. What they raise becomes "the rule
fails", so it holds no values of people.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from issuer.identity import GROUPS
from issuer.rules import times
from issuer.rules.library import cel
from issuer.rules.scope import MAX_LIST, NotToldError, Scope
from issuer.rules.vocabulary import ADDRESS

_DOMAIN = re.compile(r"[^\s@.,;]+(\.[^\s@.,;]+)*")
_MAIL = re.compile(r"[^\s@,;<>]+@([^\s@,;<>]+)")
_MATCHES = "value.matches(pattern)"
LONGEST_REMEMBERED = 256
"""Characters of a value for which it is remembered whether it matches."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of ours: how many arguments it takes, and what a literal one must be, by position.

    Further arguments are judged as the last one. `patterns` are positions that take nothing but a literal.
    """

    call: Callable[..., bool]
    least: int
    most: int
    checks: tuple[Callable[[str], object], ...] = ()
    patterns: frozenset[int] = frozenset()

    def check(self, position: int) -> Callable[[str], object] | None:
        """Return what judges a literal argument."""
        return self.checks[min(position, len(self.checks) - 1)] if self.checks else None


def matches(pattern: str, value: str) -> bool:
    """Say whether a regular expression matches the whole value.

    The regular expressions are the library's (Rust), whose time is linear in the value; but it parses the
    pattern anew each time (40 µs), so answers are kept: 4,096 of them for short values, some megabytes at
    most.
    """
    return _remembered(pattern, value) if len(value) <= LONGEST_REMEMBERED else _matches(pattern, value)


@lru_cache(maxsize=4096)
def _remembered(pattern: str, value: str) -> bool:
    return _matches(pattern, value)


def _matches(pattern: str, value: str) -> bool:
    return cel.evaluate(_MATCHES, cel.Context({"value": value, "pattern": _whole(pattern)})) is True


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"


def check_pattern(pattern: str) -> None:
    """Raise a ValueError that says what is wrong with a regular expression."""
    try:
        for written in (pattern, _whole(pattern)):
            cel.evaluate(_MATCHES, cel.Context({"value": "", "pattern": written}))
    except Exception as failure:
        cause = re.search(r"error: (.+?)(?:\. Check function|$)", str(failure))
        raise ValueError(f"not a regular expression: {cause[1] if cause else 'too large'}") from failure


@lru_cache(maxsize=1024)
def network(text: str) -> IPv4Network | IPv6Network:
    """Read a network such as `10.0.0.0/8`.

    One of IPv4-mapped addresses (RFC 4291 §2.5.5.2) is the IPv4 network.
    """
    try:
        found = ip_network(text)
    except ValueError as failure:
        hint = "bits are set to the right of its prefix" if "host bits" in str(failure) else "no such network"
        raise ValueError(f"not a network such as 10.0.0.0/8 or 2001:db8::/32: {hint}") from failure
    mapped = found.network_address.ipv4_mapped if isinstance(found, IPv6Network) else None
    return IPv4Network((mapped, found.prefixlen - 96)) if mapped and found.prefixlen >= 96 else found


def check_domain(text: str) -> None:
    """Raise a ValueError unless the text looks like a domain."""
    if not _DOMAIN.fullmatch(text):
        raise ValueError("not a domain such as example.com")


def _check_moment(text: str) -> None:
    if text:
        times.moment(text)


def _any_text(_text: str) -> None:
    """Accept every text."""


def _texts(*values: object) -> None:
    if not all(isinstance(value, str) for value in values):
        raise TypeError("takes texts")


def in_group(scope: Scope, name: str) -> bool:
    """Say whether the person is in a group of exactly this name."""
    _texts(name)
    scope.require(GROUPS)
    return name in scope.identity.groups


def group_match(scope: Scope, pattern: str) -> bool:
    """Say whether the whole name of one of the groups matches."""
    scope.require(GROUPS)
    return list_match(scope, scope.identity.groups, pattern)


def list_match(_scope: Scope, values: object, pattern: str) -> bool:
    """Say whether one whole value of a list, or of a single text, matches."""
    _texts(pattern)
    found = [values] if isinstance(values, str) else values
    if not isinstance(found, list | tuple):
        raise TypeError("takes a list")
    if len(found) > MAX_LIST:
        raise ValueError("too many values")
    return any(isinstance(value, str) and matches(pattern, value) for value in found)


def is_in_net(scope: Scope, *networks: str) -> bool:
    """Say whether the address of the request is in one of the networks."""
    _texts(*networks)
    if scope.without_address:
        raise NotToldError(ADDRESS)
    address = ip_address(str(scope.request[ADDRESS]))
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    # All are read before the answer, so that a malformed one always fails.
    found = [network(text) for text in networks]
    return any(address in one for one in found)


def in_domain(scope: Scope, domain: str) -> bool:
    """Say whether the mail address (its first value) is in a domain or one below it."""
    _texts(domain)
    check_domain(domain)
    scope.require("mail")
    match = _MAIL.fullmatch(scope.identity.first("mail") or "")
    return match is not None and f".{match[1]}".lower().endswith(f".{domain}".lower())


def check_logon_hours(scope: Scope, hours: str, zone: str = "UTC") -> bool:
    """Say whether it is within the hours."""
    _texts(hours, zone)
    return times.is_open(scope.now, hours, zone)


def check_date(scope: Scope, start: str, end: str = "") -> bool:
    """Say whether it is not before a date and not after another."""
    _texts(start, end)
    return times.is_between(scope.now, start, end)


def has_attribute(scope: Scope, name: str) -> bool:
    """Say whether the person has an attribute with a value."""
    _texts(name)
    scope.require(name)
    return bool(scope.identity.first(name))


FUNCTIONS = {
    "checkDate": Function(check_date, 1, 2, (_check_moment,)),
    "checkLogonHours": Function(check_logon_hours, 1, 2, (times.hours, times.zone)),
    "groupMatch": Function(group_match, 1, 1, (check_pattern,), frozenset({0})),
    "hasAttribute": Function(has_attribute, 1, 1),
    "inDomain": Function(in_domain, 1, 1, (check_domain,)),
    "inGroup": Function(in_group, 1, 1),
    "isInNet": Function(is_in_net, 1, 32, (network,)),
    "listMatch": Function(list_match, 2, 2, (_any_text, check_pattern), frozenset({1})),
}

# CEL's own function; only its pattern is judged here: `text.matches(pattern)`.
MATCHES = Function(matches, 2, 2, (_any_text, check_pattern), frozenset({1}))
