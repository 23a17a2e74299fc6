"""Addresses of our own: where a browser may be sent back to after sign-in."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from werkzeug.wrappers import Request

LONGEST = 8000
LONGEST_HINT = 100
SAFE_IN_PATH = "/-._~!$&'()*+,;=:@"


def safe_return_to(wanted: str | None) -> str:
    """Return `wanted` when it is a path (with query) on this host, else "/".

    A browser reads `//host`, `/\\host` and a path with tabs or newlines as another host (WHATWG URL §4.4), so
    only printable ASCII without backslash passes, and the second character is no slash.
    """
    if not wanted or len(wanted) > LONGEST or not wanted.startswith("/") or wanted.startswith("//"):
        return "/"
    if "\\" in wanted or any(not "!" <= character <= "~" for character in wanted):
        return "/"
    return wanted


@dataclass(frozen=True, slots=True)
class LoginRequirements:
    """Where a browser goes on after sign-in, and which sign-in it needs there."""

    wanted: str
    level: int = 0
    """The least `authLevel`."""
    since: float = 0.0
    """The sign-in must not be older than this (seconds since 1970)."""

    @property
    def goal(self) -> str:
        """Return where to send the browser when it has signed in: with demands, to where they are judged."""
        return local("/login", **self.demands, tried=1, next=self.wanted) if self.demands else self.wanted

    @property
    def demands(self) -> dict[str, object]:
        """Return what the sign-in must be, as a query says it."""
        named = {"level": self.level, "since": self.since}
        return {name: value for name, value in named.items() if value}


def requirements_of(goal: str) -> LoginRequirements:
    """Return what `LoginRequirements.goal` was made of; never fails, whoever wrote it."""
    parts = urlsplit(goal)
    query = dict(parse_qsl(parts.query))
    if parts.path != "/login" or not query.keys() & {"level", "since"}:
        return LoginRequirements(goal)
    wanted = safe_return_to(query.get("next"))
    return LoginRequirements(wanted, level_in(query.get("level")), moment_in(query.get("since")))


def level_in(text: str | None) -> int:
    """Return the level that a query asks for, 0 when it is none."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,3}", text) else 0


def moment_in(text: str | None) -> float:
    """Return the time since which somebody must have signed in (seconds since 1970), 0 when it is none."""
    return float(text) if text and re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text) else 0.0


def hint_in(wanted: str) -> str:
    """Return whom an application expects (`login_hint`, OIDC Core §3.1.2.1), "" when it does not say."""
    hint = dict(parse_qsl(urlsplit(wanted).query)).get("login_hint", "")
    return hint if len(hint) <= LONGEST_HINT and hint.isprintable() else ""


def languages_in(wanted: str) -> list[str]:
    """Return the languages that an application asks for (`ui_locales`, OIDC Core §3.1.2.1)."""
    return dict(parse_qsl(urlsplit(wanted).query)).get("ui_locales", "").split()


def local(path: str, **query: object) -> str:
    """Return an address of our own with a query."""
    return f"{path}?{urlencode(query, quote_via=quote, safe='/')}"


def requested(request: Request) -> str:
    """Return the path and query of a request, as a browser sends them."""
    path = quote(request.path, safe=SAFE_IN_PATH)
    query = quote(request.query_string, safe=SAFE_IN_PATH + "?%[]")
    return f"{path}?{query}" if query else path


def origin(url: str) -> str:
    """Return the origin of an http(s) URL (RFC 6454 §6.2), without a default port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    port = f":{parts.port}" if parts.port and parts.port != default else ""
    return f"{parts.scheme}://{host}{port}"
