"""What strangers can write a text into: every input of every route, of a gateway that has every module."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import ldap
import pytest
from ldap.ldapobject import SimpleLDAPObject
from werkzeug.routing import Rule
from werkzeug.test import EnvironBuilder, run_wsgi_app

from issuer.backends.ldap.connection import Connection
from issuer.backends.ldap.servers import Lane
from issuer.testing import LocalGateway, open_gateway
from issuer.testing.routes import HEADERS
from modules.oidc.clients.authentication import ASSERTION_TYPE
from modules.oidc.settings import DEVICE_CODE, TOKEN_EXCHANGE
from tests.core.applications import provider_options
from tests.core.house import HMAC, RING
from tests.hostile import Spy, names_in_source, text_of
from tests.modules.matrix.calls import API_TOKEN
from tests.modules.oidc.provider import REDIRECT, SECRET

NOWHERE = "https://127.0.0.1:9"
KEY = "oYb3Rk9Tq2Lm7Xw4Vd8Zf1Nc6Hs5Jp0G"
WHOLE, DOOR, PARAMETER, NUMBER = 60_000, 16_000, 8_100, 1_000
"""Bytes of a form, of a header that just passes the door, of a parameter of an application; and of some texts
of which several are in one body."""
OURS = {"HTTP_SEC_FETCH_SITE": "same-origin"}
STANDARD = (
    *("ACCEPT", "ACCEPT_LANGUAGE", "AUTHORIZATION", "COOKIE", "HOST", "ORIGIN", "REFERER", "USER_AGENT"),
    *("X_FORWARDED_FOR", "FORWARDED", "X_REMOTE_USER", "X_REMOTE_GROUPS", "SEC_FETCH_SITE", "IF_NONE_MATCH"),
    *("RANGE", "IF_MODIFIED_SINCE", "ACCESS_CONTROL_REQUEST_METHOD", "X_FORWARDED_PROTO", "X_ANYTHING"),
)
COOKIES = (
    *("__Host-issuer_session", "__Host-issuer_browser", "__Host-issuer_way", "__Host-issuer_step"),
    *("__Host-issuer_oidc_x", "other"),
)
FORM, JSON, PARTS = "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x"
OF_PAGES = ("/issuer/authentication/", "/issuer/portal/", "/issuer/web/")
OF_AUTHLIB: tuple[str, ...] = (
    "client_secret",
    "code",
    "code_verifier",
    "client_assertion",
    "refresh_token",
    "login_hint",
)
OF_AUTHLIB += ("subject_token", "subject_token_type", "actor_token", "token_type_hint", "ui_locales")
ROOMS: dict[str, tuple[str, ...]] = {
    "login": (*OF_PAGES, "/issuer/backends/oidc/"),
    "oidc": ("/modules/oidc/",),
    "hmac": ("/modules/jitsi/",),
    "jitsi": ("/modules/jitsi/",),
    "livekit": ("/modules/livekit/",),
    "matrix": ("/modules/matrix/",),
}
"""Where the source asks for fields, by the first segment of a path; all others are pages."""
NO_FIELDS = {
    *(
        "acr",
        "alg",
        "aud",
        "auth_time",
        "email",
        "email_verified",
        "essential",
        "events",
        "jti",
        "kid",
        "sub",
    ),
    *(
        "typ",
        "value",
        "values",
        "allow_weak_secret",
        "allow_weak_token",
        "algorithm",
        "errcode",
        "info",
        "ttl",
    ),
    *("retry_after_ms", "session"),
}
"""What the source asks of claims, of answers of other servers and of its settings, not of a request."""
GRANTS = [
    {"grant_type": kind, "client_id": "wiki", "client_secret": SECRET, "redirect_uri": REDIRECT}
    for kind in ("authorization_code", "refresh_token", "client_credentials", DEVICE_CODE)
] + [
    {
        "grant_type": TOKEN_EXCHANGE,
        "client_id": "wiki",
        "client_secret": SECRET,
        "subject_token": "x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
    },
    {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": "e30.e30.x",
    },
]
AUTHORIZE = {"client_id": "wiki", "response_type": "code", "redirect_uri": REDIRECT, "scope": "openid"}
OPENID = {"access_token": "x", "token_type": "Bearer", "matrix_server_name": "localhost:9", "expires_in": 9}
MEMBER = {"id": "x", "claimed_user_id": "@a:localhost:9", "claimed_device_id": "x"}
ASKED: dict[str, Any] = {"room_id": "!a:b", "openid_token": OPENID}
LEAVE = {"delay_id": "x", "delay_timeout": 9000, "delay_cs_api_url": NOWHERE}
JSON_BODIES: dict[str, dict[str, Any]] = {
    "/livekit/jwt/get_token": {**ASKED, "slot_id": "x", "member": MEMBER, **LEAVE},
    "/livekit/jwt/sfu/get": {"room": "!a:b", "openid_token": OPENID, "device_id": "x"},
    "/livekit/jwt/delegate_delayed_leave": {**ASKED, "slot_id": "x", "member": MEMBER, **LEAVE},
    "/livekit/jwt/sfu_webhook": {"event": "participant_left", "room": {"name": "x"}, "id": "x"},
    "/livekit/token": {"roomId": "x"},
    "/hmac/matrix": ASKED,
    "/matrix/verify/user": {"token": "x", "matrix_server_name": "localhost:9"},
    "/matrix/verify/user_in_room": {"token": "x", "matrix_server_name": "localhost:9", "room_id": "!a:b"},
}


def raw(text: str) -> str:
    """Return a text as WSGI has the bytes of a header (PEP 3333)."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def encoded(pairs: Mapping[str, str], most: int) -> str:
    """Return pairs percent-encoded, each value cut so that it takes no more than so many bytes."""
    return "&".join(f"{name}={_quoted(value)[:most]}" for name, value in pairs.items())


def _quoted(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Input:
    """One place into which a stranger writes a text."""

    method: str
    path: str
    place: str
    name: str
    base: Mapping[str, Any] = field(default_factory=dict)
    """What stands beside it, so that it is looked at."""
    longest: int = WHOLE
    """Bytes of its texts."""

    def request(self, unit: str) -> dict[str, Any]:
        """Return what is sent, with a text that is as long as it can be."""
        found: dict[str, Any] = getattr(self, f"_{self.place}")(unit)
        return {"method": self.method, "path": self.path, **found}

    def ordinary(self) -> dict[str, Any]:
        """Return the same with a text of one letter."""
        return replace(self, longest=1).request("x")

    def _text(self, unit: str, most: int) -> str:
        return text_of(unit, min(most, self.longest))

    def _path(self, unit: str) -> dict[str, Any]:
        return {"path": re.sub(r"<[^>]*>", lambda _: raw(self._text(unit, 7_000)), self.path)}

    def _header(self, unit: str) -> dict[str, Any]:
        return {self.name: raw(self._text(unit, DOOR))}

    def _cookie(self, unit: str) -> dict[str, Any]:
        return {"cookies": f"{self.name}={raw(self._text(unit, DOOR))}"}

    def _query(self, unit: str) -> dict[str, Any]:
        return {"QUERY_STRING": encoded({**self.base, self.name: self._text(unit, PARAMETER)}, DOOR - 500)}

    def _form(self, unit: str) -> dict[str, Any]:
        return {"body": self._sent(unit).encode("latin-1"), "kind": FORM}

    def _sent(self, unit: str) -> str:
        if self.path.startswith("/oidc/"):
            return encoded({**self.base, self.name: self._text(unit, PARAMETER)}, WHOLE)
        beside = "".join(f"{name}={value}&" for name, value in self.base.items() if name != self.name)
        return f"{beside}{self.name}={raw(self._text(unit, WHOLE))}"

    def _json(self, unit: str) -> dict[str, Any]:
        written = len(json.dumps(unit, ensure_ascii=False).encode("utf-8", "surrogatepass")) - 2
        room = WHOLE * len(unit.encode("utf-8", "surrogatepass")) // written
        changed = put(self.base, self.name.split("."), self._text(unit, room))
        data = json.dumps(changed, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return {"body": data, "kind": JSON, "HTTP_AUTHORIZATION": f"Bearer {API_TOKEN}"}

    def _parts(self, unit: str) -> dict[str, Any]:
        text = raw(self._text(unit, WHOLE // 3)).encode("latin-1")
        head = b'--x\r\nContent-Disposition: form-data; name="login"'
        body = b"".join(
            [head, b"\r\n\r\n", text, b"\r\n", head, b'; filename="', text, b'"\r\n\r\nx\r\n--x--']
        )
        return {"body": body, "kind": PARTS}

    def _everything(self, unit: str) -> dict[str, Any]:
        """All at once: the headers that do not end the request, many cookies, the whole query and body."""
        door, whole = raw(self._text(unit, DOOR)), raw(self._text(unit, WHOLE))
        headers = {f"HTTP_{name}": door for name in STANDARD if name not in BY_THEMSELVES}
        cookies = "; ".join(f"{name}={door[:5000]}" for name in COOKIES if not name.endswith("session"))
        return {
            "QUERY_STRING": door,
            "cookies": cookies,
            **headers,
            **({"body": whole.encode("latin-1"), "kind": FORM} if self.method == "POST" else {}),
        }

    def _beyond(self, unit: str) -> dict[str, Any]:
        """Return what is too long for the door."""
        return {self.name: raw(self._text(unit, WHOLE))}


BY_THEMSELVES = {"COOKIE", "SEC_FETCH_SITE", "X_REMOTE_USER", "X_REMOTE_GROUPS"}
"""They decide whether anything else is looked at."""


def put(body: Mapping[str, Any], where: list[str], text: str) -> dict[str, Any]:
    """Return a body with one text of it replaced."""
    name, *rest = where
    return {**body, name: put(body[name], rest, text) if rest else text}


def leaves(body: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Return where the texts of a body are, as `member.id`."""
    for name, value in body.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{before}{name}.")
        elif isinstance(value, str):
            yield before + name


def fields_of(path: str) -> list[str]:
    """Return the names by which the source asks for fields of a path."""
    room = path.split("/")[1]
    names = {*names_in_source(*ROOMS.get(room, OF_PAGES)), *(OF_AUTHLIB if room == "oidc" else ())}
    return sorted(name for name in names - NO_FIELDS if re.fullmatch(r"[a-z][a-zA-Z_]*", name))


def bases(path: str) -> list[dict[str, str]]:
    """Return what stands beside a field of a form, so that it is looked at."""
    if path == "/oidc/token":
        return GRANTS
    if path.startswith("/oidc/"):
        return [{**AUTHORIZE, "client_secret": SECRET, "token": "x"}]
    return [{"login": "dwho", "password": "x"}]


def inputs(gateway: LocalGateway) -> list[Input]:
    """Return every input of every route, with every method."""
    rules = list(gateway.app.url_map.iter_rules())
    return list(chain.from_iterable(_inputs(rule, method) for rule in rules for method in _methods(rule)))


def _methods(rule: Rule) -> list[str]:
    return sorted({*(rule.methods or ()), "PUT"})


def taken(table: Iterable[Input]) -> list[Input]:
    """Return the inputs of GET and POST."""
    return [place for place in table if place.method in {"GET", "POST"}]


def _inputs(rule: Rule, method: str) -> Iterator[Input]:
    path = re.sub(r"<[^>]*>", "x", rule.rule)
    if path != rule.rule:
        yield Input(method, rule.rule, "path", "path")
    headers = [*(f"HTTP_{name}" for name in STANDARD), "QUERY_STRING", "CONTENT_TYPE"]
    yield from (Input(method, path, "header", name) for name in headers)
    yield from (Input(method, path, "cookie", name) for name in COOKIES)
    yield from (
        Input(method, path, "beyond", name) for name in ("HTTP_COOKIE", "HTTP_ACCEPT", "QUERY_STRING")
    )
    yield Input(method, path, "everything", "everything")
    if method in {"GET", "POST"}:
        query = AUTHORIZE if path == "/oidc/authorize" else {}
        yield from (Input(method, path, "query", name, query) for name in fields_of(path))
    if method == "POST":
        yield Input(method, path, "parts", "parts")
        yield from _of_bodies(method, path)


def _of_bodies(method: str, path: str) -> Iterable[Input]:
    if body := JSON_BODIES.get(path):
        yield from (Input(method, path, "json", name, body) for name in leaves(body))
    for base in bases(path):
        yield from (Input(method, path, "form", name, base) for name in fields_of(path))


class Sender:
    """Sends requests as WSGI calls of somebody who is signed in, watched or not."""

    def __init__(self, gateway: LocalGateway, spy: Spy | None = None) -> None:
        self.gateway, self.spy = gateway, spy
        cookie = gateway.sign_in("dwho").get_cookie("__Host-issuer_session", "localhost", "/")
        assert cookie is not None
        self.cookie = f"__Host-issuer_session={cookie.value}"

    def send(
        self, method: str, path: str, body: bytes = b"", kind: str = "", cookies: str = "", **environ: str
    ) -> None:
        """Send one; the answer must be no error of ours, and have every security header."""
        builder = EnvironBuilder(method=method, data=body, content_type=kind or None)
        both = f"{self.cookie}; {cookies}" if cookies else self.cookie
        call = {**builder.get_environ(), "HTTP_COOKIE": both, **OURS, "REMOTE_ADDR": "127.0.0.1"}
        call |= {"PATH_INFO": path, **environ}
        chunks, status, headers = self._answer(call)
        assert status[:3] != "500", (method, path[:80], environ.keys(), b"".join(chunks)[:200])
        assert {*headers.keys()} >= HEADERS, (method, path[:80], status)

    def _answer(self, call: dict[str, Any]) -> Any:
        if self.spy is None:
            return run_wsgi_app(self.gateway.app, call, buffered=True)
        with self.spy.watching():
            return run_wsgi_app(self.gateway.app, call, buffered=True)


def open_to_strangers(folder: Path, patch: pytest.MonkeyPatch) -> LocalGateway:
    """Open a gateway with every module and backend; of its directory, only libldap is missing."""
    patch.setattr(Lane, "searching", property(_connection))
    patch.setattr(Lane, "verifying", property(_connection))
    directory = {"type": "ldap", "servers": ["ldaps://127.0.0.1:9"]}
    livekit = {
        "url": NOWHERE,
        "api_key": "key",
        "api_secret": KEY,
        "full_access_homeservers": ["localhost:9"],
    }
    matrix = {"homeservers": {"localhost:9": {"url": NOWHERE, "access_token": "x"}}}
    data = {
        "second_factor": {"key": KEY},
        "backends": {
            "local": {},
            "ldap": {**directory, "user_base": "dc=example", "user_filter": "(uid={login})"},
            "template": {**directory, "user_dn": "uid={login},dc=example"},
            "header": {
                "trusted_addresses": ["127.0.0.1"],
                "user_header": "X-Remote-User",
                "beside_others": True,
                "groups_header": "X-Remote-Groups",
            },
            "idp": {"type": "oidc", "issuer": NOWHERE, "client_id": "x", "client_secret": KEY},
        },
        "matrix": matrix,
        "modules": {
            "hmac": {**HMAC, "matrix": {"enabled": True}, "rule": 'inGroup("users") && room.matches("b.*")'},
            "jitsi": RING,
            "livekit": {
                **livekit,
                "people": {"identity_secret": KEY, "origins": ["https://app.example.com"]},
            },
            "matrix": {"api_token": API_TOKEN},
            "oidc": provider_options(folder, "localhost:9"),
        },
        "upstream": {"allow_private_networks": True, "connect_timeout": "1s"},
    }
    built = open_gateway(folder, data, key_uses=["jitsi", "oidc"])
    built.add_user("dwho", ("users",), cn="The Doctor")
    return built


def _connection(lane: Lane) -> Connection:
    """Return a connection to a directory that finds nobody."""
    found = Connection.__new__(Connection)
    found._settings = lane._settings
    found._handle = SimpleLDAPObject.__new__(SimpleLDAPObject)
    found._handle.search_ext_s = lambda *_, **__: []
    found._handle.search_ext = lambda *_, **__: 1
    found._handle.result = lambda *_, **__: (ldap.RES_SEARCH_RESULT, [])
    found._handle.abandon = lambda *_: None
    found._handle.simple_bind = lambda *_, **__: _refuse()
    found._handle.timeout = 1
    return found


def _refuse() -> int:
    raise ldap.INVALID_CREDENTIALS
