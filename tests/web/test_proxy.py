"""Forwarded headers are believed from configured proxies only."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.web.application import TrustedProxies
from issuer.web.proxy import parse
from tests.gateway import BuildGateway

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"), ip_network("127.0.0.1")]


def seen(peer: str, **headers: str) -> dict[str, Any]:
    """Return the environment that the application behind sees."""
    found: dict[str, Any] = {}

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        found.update(environ)
        return []

    TrustedProxies(app, TRUSTED)({"REMOTE_ADDR": peer, **headers}, lambda *_: lambda _: None)
    return found


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
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", ",,,", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1, <script>, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "192.0.2.1:4711", "10.0.0.1"),
        ("2001:db8::1", "2001:DB9::0:1", "2001:db9::1"),
        ("2001:db8::1", "[2001:db9::1]", "2001:db9::1"),
        ("::ffff:10.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "fe80::1%<script>", "fe80::1"),
        ("", "192.0.2.1", ""),
        ("unix:", "192.0.2.1", "unix:"),
    ],
)
def test_the_client_is_the_last_one_that_is_no_proxy(peer: str, forwarded: str, address: str) -> None:
    assert client(peer, forwarded) == address


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
        assert found == (peer if own is None else str(own))
        return
    assert str(ip_address(found)) == found, "an address in its one form"
    chain = [own, *reversed([parse(hop) for hop in forwarded.split(",")])]
    steps = [str(address) if address else None for address in chain]
    assert found in steps
    for address in chain[: steps.index(found)]:
        assert address is not None
        assert any(address in network for network in TRUSTED)


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
