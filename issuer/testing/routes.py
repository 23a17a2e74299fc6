"""What the contracts send to routes, and how they look at answers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import unquote

from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from issuer.identity import Identity
from issuer.testing.gateway import LocalGateway

PERSON = Identity(
    "local", "subject-1", "dwho", {"cn": "The Doctor", "mail": "dwho@example.com"}, ("staff", "users")
)
"""Who the contract signs in."""

JWT = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")
"""RFC 7515 §3.1: a header and claims that are JSON objects, and a signature."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ARGUMENTS = ("x", "%00", "%0d%0aa:%20b", "..%2f..", "%F0%9F%98%80", "%ff", "a" * 300)
BODIES = (b"", b"{", b"[]", b'{"a": "\\ud800"}', b"\xff\x00", b"a=1&a=%00")
QUERY = "?next=//evil.example&a=%00&a=%ff"
HEADERS = {
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Referrer-Policy",
    "Cache-Control",
    "Strict-Transport-Security",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for a token."""

    path: str
    """Below the path of the instance, as in `/enter?id=7`."""
    method: str = "GET"
    data: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    needs_session: bool = True
    """False where something else than the session says who asks."""

    def send(self, client: FlaskClient, path: str) -> TestResponse:
        """Send it to the instance at a path."""
        return client.open(
            path + self.path, method=self.method, data=self.data, headers=[*self.headers.items()]
        )


def routes_of(gateway: LocalGateway, instance: str) -> list[Rule]:
    """Return the routes of an instance, those at the root among them."""
    rules = gateway.app.url_map.iter_rules()
    return [rule for rule in rules if rule.endpoint.startswith((f"{instance}.", f"{instance}:"))]


def below(path: str, rule: Rule) -> bool:
    """Tell whether a route is at a path or below it."""
    return rule.rule == path or rule.rule.startswith(f"{path}/")


def addresses(rule: Rule) -> Iterator[str]:
    """Return addresses that lead to a route, whatever its arguments are."""
    for argument in ARGUMENTS if rule.arguments else ARGUMENTS[:1]:
        yield re.sub(r"<[^>]*>", lambda _, text=argument: text, rule.rule)  # type: ignore[misc]


def strange_requests(client: FlaskClient, rules: list[Rule]) -> Iterator[tuple[str, TestResponse]]:
    """Send what strangers send to every route, with every method; return what was sent and the answer."""
    for rule in rules:
        for address in addresses(rule):
            for method in METHODS:
                for body in BODIES if method == "POST" else BODIES[:1]:
                    answer = client.open(address + QUERY, method=method, data=body)
                    yield f"{method} {address} {body!r}", answer


def tokens_in(answer: TestResponse) -> set[str]:
    """Return the JWTs in an answer: in its headers or its body, as they are or encoded."""
    texts = [answer.get_data(as_text=True), *(value for _, value in answer.headers)]
    return {
        token
        for text in texts
        for form in (text, unquote(text), unescape(text))
        for token in JWT.findall(form)
    }
