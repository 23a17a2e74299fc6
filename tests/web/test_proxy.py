"""Forwarded headers are believed from configured proxies only."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.settings.models import Settings
from issuer.web.application import TrustedProxies
from issuer.web.proxy import ForwardedHeader, node, parse
from tests.gateway import BuildGateway

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"), ip_network("127.0.0.1")]


class Behind:
    """An application behind trusted proxies."""

    def __init__(self, header: ForwardedHeader = "X-Forwarded-For") -> None:
        self._found: dict[str, Any] = {}
        self._app = TrustedProxies(self._answer, TRUSTED, header)

    def _answer(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        self._found = dict(environ)
        return []

    def sees(self, peer: str, **headers: str) -> dict[str, Any]:
        """Return the environment that it sees."""
        self._app({"REMOTE_ADDR": peer, **headers}, lambda *_: lambda _: None)
        return self._found


def seen(peer: str, **headers: str) -> dict[str, Any]:
    """Return the environment that the application behind sees."""
    return Behind().sees(peer, **headers)


def client(peer: str, forwarded: str) -> str:
    return str(seen(peer, HTTP_X_FORWARDED_FOR=forwarded)["REMOTE_ADDR"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.5", "192.0.2.1", "203.0.113.5"),
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.66, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.66, 192.0.2.1,10.0.0.3 , 10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "unknown, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1:4711", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.5:51234, 10.0.0.2:80", "203.0.113.5"),
        ("10.0.0.1", '"203.0.113.5"', "203.0.113.5"),
        ("10.0.0.1", '"203.0.113.5:51234"', "203.0.113.5"),
        ("2001:db8::1", "2001:DB9::0:1", "2001:db9::1"),
        ("2001:db8::1", "[2001:db9::1]", "2001:db9::1"),
        ("10.0.0.1", "[2001:db9::7]:51234", "2001:db9::7"),
        ("10.0.0.1", "[::ffff:192.0.2.1]:51234", "192.0.2.1"),
        ("::ffff:10.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "fe80::1%<script>", "fe80::1"),
        ("10.0.0.1", ",".join(["10.0.0.2"] * 50), "10.0.0.2"),
    ],
)
def test_the_client_is_the_last_one_that_is_no_proxy(peer: str, forwarded: str, address: str) -> None:
    assert client(peer, forwarded) == address


RUBBISH = [
    "",
    ",,,",
    "192.0.2.1,",
    "192.0.2.1, unknown",
    "192.0.2.1, _hidden",
    "192.0.2.1, <script>, 10.0.0.2",
    "unix:",
    "192.0.2.1:99999999",
    "192.0.2.1:x",
    "[2001:db9::7",
    "[192.0.2.1.]",
    '"192.0.2.1',
    "2001:db9::7:51234:1:2:3:4:5",
    "\xe9",
    "192.0.2.1, \xff\xfe",
    "\u0661\u0662.0.0.1",
    "10.0.0.1" * 20,
    ",".join(["10.0.0.2"] * 60),
]


@pytest.mark.parametrize("forwarded", RUBBISH)
def test_what_cannot_be_read_is_no_address_and_never_the_proxys(
    forwarded: str, caplog: pytest.LogCaptureFixture
) -> None:
    application = Behind()
    for _ in range(3):
        assert application.sees("10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)["REMOTE_ADDR"] == ""
    assert application.sees("203.0.113.5", HTTP_X_FORWARDED_FOR=forwarded)["REMOTE_ADDR"] == "203.0.113.5"
    assert [record.getMessage().split(":")[0][:18] for record in caplog.records] == [
        "the proxy 10.0.0.1",
        "203.0.113.5 sends ",
    ]
    assert not forwarded or forwarded not in caplog.text


def test_a_peer_without_an_address_has_none() -> None:
    assert client("", "192.0.2.1") == client("unix:", "192.0.2.1") == ""
    assert seen("unix:")["REMOTE_ADDR"] == ""


def test_a_request_of_the_proxy_itself_has_the_proxys_address() -> None:
    """A health check, which no visitor asked for."""
    assert seen("10.0.0.1")["REMOTE_ADDR"] == "10.0.0.1"


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("for=192.0.2.1", "192.0.2.1"),
        ("For=192.0.2.1;proto=https;by=10.0.0.9", "192.0.2.1"),
        ('proto=http;for="192.0.2.1:4711"', "192.0.2.1"),
        ('for="[2001:db9:cafe::17]:4711"', "2001:db9:cafe::17"),
        ('for="[2001:db9::1]" , for=10.0.0.7', "2001:db9::1"),
        ('for=192.0.2.66, for="192.0.2.1:_port"', "192.0.2.1"),
        ('for="10.0.0.9";x="a,b\\";for=10.0.0.8", for=192.0.2.1', "192.0.2.1"),
        ("for=unknown", ""),
        ("for=_hidden", ""),
        ("for=192.0.2.1, for=unknown", ""),
        ("for=192.0.2.1;for=192.0.2.2", ""),
        ("proto=https", ""),
        ('for=10.0.0.9;x=", for=192.0.2.1', ""),
        ('for=10.0.0.9;x=", for="[2001:db9::1]"', ""),
        ("", ""),
        (",", ""),
        ("for=", ""),
        ("192.0.2.1", ""),
        ("for=192.0.2.1;\xe9", ""),
        (",".join(["for=10.0.0.2"] * 60), ""),
        ("x=y;" * 3000 + "for=192.0.2.1", ""),
    ],
)
def test_forwarded_is_read_where_it_is_named(said: str, address: str) -> None:
    """And the other one is dropped unread: nginx passes on what a visitor wrote into it."""
    application = Behind("Forwarded")
    headers = {"HTTP_FORWARDED": said, "HTTP_X_FORWARDED_FOR": "10.0.0.1"}
    assert application.sees("10.0.0.1", **headers)["REMOTE_ADDR"] == address


@pytest.mark.parametrize(
    ("named", "sent"), [("X-Forwarded-For", "HTTP_FORWARDED"), ("Forwarded", "HTTP_X_FORWARDED_FOR")]
)
def test_a_proxy_that_writes_the_other_header_makes_everybody_unknown(
    named: ForwardedHeader, sent: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert Behind(named).sees("10.0.0.1", **{sent: "for=10.0.0.1"})["REMOTE_ADDR"] == ""
    assert "server.forwarded_header" in caplog.text


@given(st.text(max_size=200) | st.text('for=";,\\ 10.2[]:', max_size=60))
def test_any_text_may_be_forwarded(text: str) -> None:
    for key, application in (("HTTP_FORWARDED", Behind("Forwarded")), ("HTTP_X_FORWARDED_FOR", Behind())):
        found = application.sees("10.0.0.1", **{key: text})["REMOTE_ADDR"]
        assert found == "" or str(ip_address(found)) == found


def test_strangers_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    application = Behind()
    for number in range(300):
        application.sees(f"203.0.113.{number % 250}", HTTP_X_FORWARDED_FOR="10.0.0.1")
    assert len(caplog.records) <= 20


@pytest.mark.parametrize("peer", ["10.0.0.1", "203.0.113.5"])
def test_nothing_behind_sees_a_forwarded_header(peer: str) -> None:
    headers = {
        "HTTP_X_FORWARDED_FOR": "192.0.2.1",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": "evil.example",
        "HTTP_FORWARDED": "for=192.0.2.1;host=evil.example",
    }
    environ = seen(peer, **headers)
    assert not set(headers) & set(environ)


ADDRESSES = st.ip_addresses().map(str)
NEAR = st.sampled_from(
    ["10.0.0.1", "10.9.9.9", "2001:db8::7", "::ffff:10.0.0.9", "127.0.0.1", "192.0.2.1", "::1"]
)
HOPS = st.lists(ADDRESSES | NEAR | st.text(max_size=20), max_size=6)


@given(ADDRESSES | NEAR | st.text(max_size=20), HOPS)
def test_whatever_is_forwarded_the_address_is_one_that_a_trusted_proxy_named(
    peer: str, hops: list[str]
) -> None:
    forwarded = ",".join(hops)
    found = client(peer, forwarded)
    own = parse(peer)
    if own is None or not any(own in network for network in TRUSTED):
        assert found == ("" if own is None else str(own))
        return
    steps = [node(hop) for hop in reversed(forwarded.split(","))]
    first = next((at for at in steps if at is None or not any(at in net for net in TRUSTED)), steps[-1])
    assert found == ("" if first is None else str(first))


UNKNOWN_SAYS_NO = ['isInNet("10.0.0.0/8")', '!isInNet("10.0.0.0/8")', 'ip != "x"', 'ip == ""', '!(ip == "x")']


@pytest.mark.parametrize("rule", UNKNOWN_SAYS_NO)
def test_an_unknown_address_never_says_yes(build_gateway: BuildGateway, rule: str) -> None:
    jitsi = {"server_url": "https://meet.example.com", "app_id": "x", "algorithm": "RS256"}
    other = {"type": "jitsi", **jitsi, "path": "/other", "rule": f"true || {rule}"}
    modules = {"jitsi": {**jitsi, "rule": rule}, "other": other}
    data = {"server": {"trusted_proxies": ["10.0.0.1"]}, "modules": modules}
    browser = build_gateway(data, users={"dwho": ()}).sign_in("dwho")
    for forwarded, status in (("203.0.113.5", None), ("unknown", 403), ("10.0.0.1, \xe9", 403)):
        request = {
            "headers": {"X-Forwarded-For": forwarded},
            "environ_overrides": {"REMOTE_ADDR": "10.0.0.1"},
        }
        answer = browser.get("/jitsi/login?room=x", **request)
        assert status in {None, answer.status_code}, (rule, forwarded)
        assert browser.get("/other/login?room=x", **request).status_code == 302


def test_a_second_factor_is_asked_for_without_an_address(build_gateway: BuildGateway) -> None:
    factor = {"key": "0123456789abcdef" * 4, "required": '!isInNet("10.0.0.0/8")'}
    data = {"server": {"trusted_proxies": ["10.0.0.1"]}, "second_factor": factor}
    gateway = build_gateway(data, users={"dwho": ()})
    for forwarded, asked in (("10.0.0.7", False), ("203.0.113.5", True), ("\xe9", True), ("", True)):
        answer = gateway.client().post(
            "/login",
            data={"login": "dwho", "password": "dwho", "next": "/"},
            headers={"X-Forwarded-For": forwarded, "Sec-Fetch-Site": "same-origin"},
            environ_overrides={"REMOTE_ADDR": "10.0.0.1"},
        )
        assert answer.status_code == 303
        assert (answer.location != "/") == asked, forwarded


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        ({"server": {"trusted_proxies": ["0.0.0.0/0"]}}, "server.trusted_proxies has 0.0.0.0/0"),
        ({"server": {"trusted_proxies": ["10.0.0.1", "::/0"]}}, "server.trusted_proxies has ::/0"),
        ({"server": {"trusted_proxies": ["10.0.0.0/8"]}}, None),
        ({"public_url": "http://auth.example.com/"}, "public_url is http://auth.example.com/"),
        ({"public_url": "http://192.0.2.1:8080/"}, "public_url is http"),
        ({"public_url": "http://127.0.0.1:8080/"}, None),
        ({"public_url": "http://localhost:8080/"}, None),
        ({"public_url": "http://[::1]:8080/"}, None),
    ],
)
def test_dangerous_options_are_named(options: dict[str, Any], warning: str | None) -> None:
    found = list(Settings.model_validate({"public_url": "https://auth.example.com/", **options}).warnings())
    assert [text[: len(warning or "")] for text in found] == ([] if warning is None else [warning])


def test_the_application_sees_the_client_and_our_own_address(build_gateway: BuildGateway) -> None:
    jitsi = {"server_url": "https://meet.example.com", "app_id": "x", "algorithm": "RS256"}
    rule = {**jitsi, "rule": 'isInNet("192.0.2.0/24")'}
    data = {"server": {"trusted_proxies": ["10.0.0.1"]}, "modules": {"jitsi": rule}}
    gateway = build_gateway(data, users={"dwho": ()})
    cookie = gateway.sign_in("dwho").get_cookie("__Host-issuer_session")
    assert cookie
    browser = gateway.app.test_client(use_cookies=False)
    forged = {
        "Cookie": f"__Host-issuer_session={cookie.value}",
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Host": "evil.example",
        "Host": "evil.example",
    }
    for peer, status in (("10.0.0.1", 302), ("10.0.0.2", 403), ("192.0.2.9", 302)):
        answer = browser.get("/jitsi/login?room=x", headers=forged, environ_overrides={"REMOTE_ADDR": peer})
        assert answer.status_code == status
        assert "evil.example" not in f"{answer.headers}"
