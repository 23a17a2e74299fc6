"""The line of tests/acceptance.txt that the tests of attacks are parts of."""

from collections.abc import Callable
from typing import Any

from tests.modules.oidc.provider import REDIRECT, VERIFIER

LINE = (
    "Attacks, each by test and by specification section (OAuth 2.1, RFC 9700): code replay (tokens of "
    "the first use revoked), code of another client, verifier downgrade, redirect URI tricks (prefix, "
    "suffix, userinfo, encoded, open ports), mix-up, CSRF on consent, refresh reuse, two concurrent "
    "exchanges of one code (exactly one wins, on SQLite and PostgreSQL), token substitution across "
    "audiences, `none` and HS-with-public-key, oversized and duplicate parameters, clickjacking "
    "headers. Nothing a client sends is echoed unescaped."
)


def attack(test: Callable[..., None]) -> Callable[..., None]:
    """Let a test's docstring quote the line that it is part of."""
    test.__doc__ = f"{test.__doc__} {LINE}"
    return test


WEAKER: list[dict[str, Any]] = [
    {"code_challenge": None, "code_challenge_method": None},
    {"code_challenge_method": None},
    {"code_challenge_method": "plain"},
    {"code_challenge": None},
    {"code_challenge": VERIFIER + "x"},
]
"""Changes of an authorization request that make PKCE weaker."""

TRICKS = [
    REDIRECT + "/x",
    REDIRECT + "x",
    REDIRECT[:-1],
    REDIRECT + "?x=1",
    REDIRECT + "#x",
    REDIRECT + "%2f",
    REDIRECT.replace("callback", "c%61llback"),
    REDIRECT.replace("callback", "x/../callback"),
    REDIRECT.replace("callback", "CALLBACK"),
    REDIRECT.replace("https", "http"),
    REDIRECT.replace("https", "HTTPS"),
    REDIRECT.replace("wiki.example.com", "wiki.example.com.evil.example"),
    REDIRECT.replace("wiki.example.com", "evil.example"),
    REDIRECT.replace("wiki.example.com", "wiki.example.com@evil.example"),
    REDIRECT.replace("wiki.example.com", "evil.example\\@wiki.example.com"),
    REDIRECT.replace("wiki.example.com", "wiki.example.com:443"),
    REDIRECT.replace("wiki.example.com", "wiki.example.com:8443"),
    REDIRECT.replace("wiki.example.com", "WIKI.example.com"),
    REDIRECT.replace("wiki.example.com", "wiki.example.com."),
    " " + REDIRECT,
    REDIRECT + "\n",
    "//wiki.example.com/callback",
    "javascript:alert(1)",
    "https://evil.example/?" + REDIRECT,
]
"""Redirect URIs that look like the right one."""
