"""The guard's judgement of addresses."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.upstream.addresses import Guard

REFUSED = [
    *["0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1"],
    *["127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1"],
    *["192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1"],
    *["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
    *["::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8"],
    *["64:ff9b::8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::"],
    *["2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1"],
    *["5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%1", "2620:fe::9%2", "fec0::1", "ff02::1"],
    *["ff0e::1", "2620:fe::5efe:127.0.0.1", "2620:fe::200:5efe:8.8.8.8"],
    *["", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "１２７.0.0.1", "127。0。0。1", "localhost"],  # noqa: RUF001
]
ALLOWED = ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1", "192.0.1.1"]
ALLOWED += ["223.255.255.255", "2620:fe::9", "2a00:1450:4001::1", "2001:4860:4860::8888", "2003::1"]
EMBEDDING = ["::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "2001::", "fd00::"]


@pytest.mark.parametrize("address", REFUSED)
def test_refused(address: str) -> None:
    assert Guard().refuses(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_allowed(address: str) -> None:
    assert not Guard().refuses(address)


def test_more_networks() -> None:
    guard = Guard([ip_network("8.8.8.0/24"), ip_network("2620:fe::/48")])
    assert [guard.refuses(address) for address in ("8.8.8.8", "8.8.9.8", "2620:fe::9", "2620:ff::9")] == [
        True,
        False,
        True,
        False,
    ]


@given(st.ip_addresses())
def test_python_allows_no_less_than_the_guard(address: IPv4Address | IPv6Address) -> None:
    if not Guard().refuses(str(address)):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved


@given(st.ip_addresses(v=4), st.sampled_from(EMBEDDING))
def test_no_address_inside_another(inner: IPv4Address, outer: str) -> None:
    assert Guard().refuses(str(IPv6Address(int(IPv6Address(outer)) | int(inner))))


@given(st.ip_addresses(v=4), st.integers(0, 2**80 - 1))
def test_no_6to4(inner: IPv4Address, rest: int) -> None:
    assert Guard().refuses(str(IPv6Address(0x2002 << 112 | int(inner) << 80 | rest)))


@given(st.ip_addresses(v=6))
def test_only_global_unicast(address: IPv6Address) -> None:
    if address not in IPv6Network("2000::/3"):
        assert Guard().refuses(str(address))
