"""The price of a request is bounded before it is paid: hostile texts in everything that strangers send."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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
from tests.hostile import MARKS, UNITS, Spy, names_in_source, text_of
from tests.modules.matrix.calls import API_TOKEN
from tests.modules.oidc.provider import REDIRECT, SECRET

NOWHERE = "https://127.0.0.1:9"
KEY = "oYb3Rk9Tq2Lm7Xw4Vd8Zf1Nc6Hs5Jp0G"
BODY, DOOR = 60_000, 16_000
"""Bytes of a form, and of what just passes the door."""
OURS = {"HTTP_SEC_FETCH_SITE": "same-origin"}
STANDARD = (
    *("ACCEPT", "ACCEPT_LANGUAGE", "AUTHORIZATION", "COOKIE", "HOST", "ORIGIN", "REFERER", "USER_AGENT"),
    *("X_FORWARDED_FOR", "FORWARDED", "X_REMOTE_USER", "X_REMOTE_GROUPS", "SEC_FETCH_SITE", "IF_NONE_MATCH"),
    *("RANGE", "IF_MODIFIED_SINCE", "ACCESS_CONTROL_REQUEST_METHOD", "X_FORWARDED_PROTO", "X_ANYTHING"),
)
BY_THEMSELVES = {"COOKIE", "SEC_FETCH_SITE", "X_REMOTE_USER", "X_REMOTE_GROUPS"}
"""They decide whether anything else is looked at."""
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
JSON_BODIES: dict[str, dict[str, Any]] = {
    "/livekit/jwt/get_token": {"room_id": "!a:b", "slot_id": "x", "openid_token": OPENID, "member": MEMBER},
    "/livekit/jwt/sfu/get": {"room": "!a:b", "openid_token": OPENID, "device_id": "x"},
    "/livekit/token": {"roomId": "x"},
    "/hmac/matrix": {"room_id": "!a:b", "openid_token": OPENID},
    "/matrix/verify/user": {"token": "x", "matrix_server_name": "localhost:9"},
    "/matrix/verify/user_in_room": {"token": "x", "matrix_server_name": "localhost:9", "room_id": "!a:b"},
}


class Fake:
    """A connection to a directory that finds nobody; libldap is not asked."""

    def search_ext_s(self, *_: Any, **__: Any) -> list[Any]:
        return []


@pytest.fixture(scope="module")
def spy() -> Iterator[Spy]:
    found = Spy()
    with pytest.MonkeyPatch.context() as patch:
        found.replace(patch.setattr)
        yield found


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, spy: Spy) -> Iterator[LocalGateway]:
    folder = tmp_path_factory.mktemp("hostile")
    livekit = {
        "url": NOWHERE,
        "api_key": "key",
        "api_secret": KEY,
        "full_access_homeservers": ["localhost:9"],
    }
    data = {
        "second_factor": {"key": KEY},
        "backends": {
            "local": {},
            "ldap": {
                "servers": ["ldaps://127.0.0.1:9"],
                "user_base": "dc=example",
                "user_filter": "(uid={login})",
            },
            "template": {
                "type": "ldap",
                "servers": ["ldaps://127.0.0.1:9"],
                "user_dn": "uid={login},dc=example",
            },
            "header": {
                "trusted_addresses": ["127.0.0.1"],
                "user_header": "X-Remote-User",
                "beside_others": True,
                "groups_header": "X-Remote-Groups",
            },
            "idp": {"type": "oidc", "issuer": NOWHERE, "client_id": "x", "client_secret": KEY},
        },
        "matrix": {"homeservers": {"localhost:9": {"url": NOWHERE, "access_token": "x"}}},
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lane, "searching", property(_connection))
        patch.setattr(Lane, "verifying", property(_connection))
        built = open_gateway(folder, data, key_uses=["jitsi", "oidc"])
        built.add_user("dwho", ("users",), cn="The Doctor")
        yield built
        built.close()


def _connection(lane: Lane) -> Connection:
    found = Connection.__new__(Connection)
    found._settings = lane._settings
    found._handle = SimpleLDAPObject.__new__(SimpleLDAPObject)
    found._handle.search_ext_s = Fake().search_ext_s
    found._handle.simple_bind = lambda *_, **__: _refuse()
    found._handle.timeout = 1
    return found


def _refuse() -> int:
    import ldap

    raise ldap.INVALID_CREDENTIALS


class Sender:
    """Sends requests as WSGI calls, with a session or without."""

    def __init__(self, gateway: LocalGateway, spy: Spy) -> None:
        self.gateway, self.spy = gateway, spy
        cookie = gateway.sign_in("dwho").get_cookie("__Host-issuer_session", "localhost", "/")
        assert cookie is not None
        self.cookie = f"__Host-issuer_session={cookie.value}"
        self.sent = 0

    def send(self, method: str, path: str, body: bytes = b"", kind: str = "", **environ: str) -> None:
        """Send one; the answer must be no error of ours, and have every security header."""
        builder = EnvironBuilder(method=method, data=body, content_type=kind or None)
        call = {**builder.get_environ(), "HTTP_COOKIE": self.cookie, **OURS, "REMOTE_ADDR": "127.0.0.1"}
        call |= {"PATH_INFO": path, **environ}
        self.sent += 1
        with self.spy.watching():
            chunks, status, headers = run_wsgi_app(self.gateway.app, call, buffered=True)
        assert status[:3] != "500", (method, path[:80], environ.keys(), b"".join(chunks)[:200])
        assert {*headers.keys()} >= HEADERS, (method, path[:80], status)


def raw(text: str) -> str:
    """Return a text as WSGI has the bytes of a header (PEP 3333)."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def encoded(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"))


def routes(gateway: LocalGateway) -> list[tuple[Rule, str]]:
    """Every route with its methods."""
    rules = gateway.app.url_map.iter_rules()
    return [(rule, method) for rule in rules for method in sorted({"GET", "POST"} & (rule.methods or set()))]


def path_of(rule: Rule, text: str = "x") -> str:
    return re.sub(r"<[^>]*>", lambda _: text, rule.rule)


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: ascii(unit)[:20])
def test_hostile_texts_in_everything_at_once(gateway: LocalGateway, spy: Spy, unit: str) -> None:
    """The hostile-text table (at least 40 texts × every text input of every route): no function that
    normalises, hashes, matches, splits or builds a filter is given more than its bound.
    """  # noqa: RUF002 - as the line has it
    assert len(UNITS) >= 40
    sender, long, door = Sender(gateway, spy), text_of(unit, BODY), text_of(unit, DOOR)
    for place in ("QUERY_STRING", *(f"HTTP_{name}" for name in STANDARD)):
        for text in (long, door):
            sender.send("GET", "/login", b"", "", **{place: raw(text)})
    headers = {f"HTTP_{name}": raw(door) for name in STANDARD if name not in BY_THEMSELVES}
    cookies = "; ".join([sender.cookie, *(f"{name}={raw(door)[:5000]}" for name in COOKIES)])
    for rule, method in routes(gateway):
        path = path_of(rule, raw(text_of(unit, 15_000)))
        headers |= {"QUERY_STRING": raw(door), "HTTP_COOKIE": cookies}
        sender.send(method, path, b"", "", **headers)
        if method == "POST":
            sender.send(method, path_of(rule), raw(long).encode("latin-1"), FORM)
    assert spy.found == set()


COOKIES = (
    "__Host-issuer_browser",
    "__Host-issuer_way",
    "__Host-issuer_step",
    "__Host-issuer_oidc_x",
    "other",
)


def bases(rule: str) -> list[dict[str, str]]:
    """What a form has beside the hostile field, so that the field is looked at."""
    if rule == "/oidc/token":
        return GRANTS
    if rule.startswith("/oidc/"):
        return [{**AUTHORIZE, "client_secret": SECRET, "token": "x", "client_id": "wiki"}]
    return [{"login": "dwho", "password": "x"}]


def test_hostile_texts_in_some_fields_at_a_time(gateway: LocalGateway, spy: Spy) -> None:
    """The hostile-text table (at least 40 texts × every text input of every route): no function that
    normalises, hashes, matches, splits or builds a filter is given more than its bound.
    """  # noqa: RUF002 - as the line has it
    sender, names = Sender(gateway, spy), names_in_source()
    assert {"login", "password", "next", "code", "user_code", "room", "state", "scope", "token"} <= {*names}
    for rule, method in routes(gateway):
        for some in batched(names, 5):
            query = "&".join(f"{name}={encoded(text_of(MARKS, 1_000))}" for name in some)
            sender.send("GET", path_of(rule), QUERY_STRING=query[:16_000])
            if method == "POST" and not rule.rule.startswith("/oidc/"):
                form = "&".join(f"{name}={raw(text_of(MARKS, 12_000))}" for name in some)
                sender.send(method, path_of(rule), form.encode("latin-1"), FORM)
    assert spy.found == set()


def test_hostile_texts_in_fields_of_applications(gateway: LocalGateway, spy: Spy) -> None:
    """The hostile-text table (at least 40 texts × every text input of every route): no function that
    normalises, hashes, matches, splits or builds a filter is given more than its bound.
    """  # noqa: RUF002 - as the line has it
    sender, names = Sender(gateway, spy), names_in_source("/modules/oidc/")
    for rule, method in routes(gateway):
        if method == "POST" and rule.rule.startswith("/oidc/"):
            for some in batched(names, 6):
                for base in bases(rule.rule):
                    changed = base | dict.fromkeys(some, "a" * 8_100)
                    sender.send(method, path_of(rule), urlencode(changed).encode(), FORM)
    assert spy.found == set()


def batched(names: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]


def test_hostile_texts_in_json(gateway: LocalGateway, spy: Spy) -> None:
    """The hostile-text table (at least 40 texts × every text input of every route): no function that
    normalises, hashes, matches, splits or builds a filter is given more than its bound.
    """  # noqa: RUF002 - as the line has it
    sender = Sender(gateway, spy)
    for path, body in JSON_BODIES.items():
        assert path in {rule.rule for rule, _ in routes(gateway)}, path
        for unit in UNITS[::10]:
            for changed in changes(body, text_of(unit, BODY // 6)):
                data = json.dumps(changed).encode()[:65_536]
                sender.send("POST", path, data, "application/json", HTTP_AUTHORIZATION=f"Bearer {API_TOKEN}")
    assert spy.found == set()


def changes(body: dict[str, Any], text: str) -> Iterator[dict[str, Any]]:
    """Return a body with one text of it replaced, once for each."""
    for name, value in body.items():
        if isinstance(value, dict):
            yield from ({**body, name: inner} for inner in changes(value, text))
        elif isinstance(value, str):
            yield {**body, name: text}


NASTY = st.binary(max_size=200).map(lambda found: found.decode("latin-1"))
"""Bytes of a header as WSGI has them; the engine lets neither line breaks nor NUL through."""
NAMES = st.sampled_from(STANDARD) | st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", min_size=1, max_size=20)
PATHS = st.sampled_from(
    ["/", "/login", "/healthz", "/nothing", "/hmac/login", "/oidc/userinfo", "/oidc/authorize"]
)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_headers_of_any_bytes(
    gateway: LocalGateway, spy: Spy, caplog: pytest.LogCaptureFixture, data: st.DataObject
) -> None:
    """A fuzz of every header name and cookie with arbitrary bytes: no 500, no traceback, no answer without
    the security headers.
    """
    caplog.clear()
    sender = Sender(gateway, spy)
    names = st.sampled_from([*COOKIES, "__Host-issuer_session"]) | NASTY
    cookies = data.draw(st.lists(st.tuples(names, NASTY), max_size=4))
    headers = data.draw(st.dictionaries(NAMES.map(lambda name: f"HTTP_{name}"), NASTY, max_size=4))
    headers["QUERY_STRING"] = data.draw(NASTY)
    if cookies:
        headers["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in cookies)
    sender.send(data.draw(st.sampled_from(["GET", "POST"])), data.draw(PATHS), b"", "", **headers)
    assert not [record for record in caplog.records if record.exc_info]


def test_the_spy_sees(gateway: LocalGateway, spy: Spy) -> None:
    """What is watched is at work: names are normalised and hashed, filters are built, codes are matched."""
    sender = Sender(gateway, spy)
    body = urlencode({"login": "nobody", "password": "x"}).encode()
    sender.send("POST", "/login", body, FORM, REMOTE_ADDR="192.0.2.77")
    sender.send("GET", "/hmac/login", QUERY_STRING="room=%C3%A4")
    seen = " ".join(sorted(spy.seen))
    for what in ("normalize", "sha256", "escape_filter_chars", "escape_dn_chars", "casefold"):
        assert what in seen, what
