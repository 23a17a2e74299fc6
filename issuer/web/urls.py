"""Addresses of our own, and what applications say in theirs."""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from werkzeug.wrappers import Request

LONGEST_HINT = 100
LONGEST_READ = 8000
"""Characters of an address whose wishes are read: as many as one to return to may have."""
SAFE_IN_PATH = "/-._~!$&'()*+,;=:@"


def hint_in(return_to: str) -> str:
    """Return whom an application expects (`login_hint`, OIDC Core §3.1.2.1), "" when it does not say."""
    hint = dict(parse_qsl(urlsplit(return_to).query)).get("login_hint", "")
    return hint if len(hint) <= LONGEST_HINT and hint.isprintable() else ""


def languages_in(return_to: str) -> list[str]:
    """Return the languages that an application asks for (`ui_locales`, OIDC Core §3.1.2.1)."""
    if len(return_to) > LONGEST_READ:
        return []
    return dict(parse_qsl(urlsplit(return_to).query)).get("ui_locales", "").split()


def local(path: str, **query: object) -> str:
    """Return an address of our own with a query."""
    return f"{path}?{urlencode(query, quote_via=quote, safe='/')}"


def requested(request: Request) -> str:
    """Return the path and query of a request, as a browser sends them."""
    path = quote(request.path, safe=SAFE_IN_PATH)
    query = quote(request.query_string, safe=SAFE_IN_PATH + "?%[]")
    return f"{path}?{query}" if query else path
