"""The guard before homeservers: no connection is opened, as the interpreter's audit of `connect` tells."""

# ruff: noqa: RUF001, RUF002 - digits and dots that look like others are what this is about

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from issuer.errors import GatewayError
from issuer.matrix import BadNameError, NoClientApiError, OpenIdRefusedError, parse_server_name
from issuer.upstream import RefusedError
from issuer.upstream.addresses import Guard
from tests.matrix.homes import TOKEN, Home, World
from tests.upstream.connects import Connects
from tests.upstream.fixtures import BuildStub, BuildUpstream
from tests.upstream.names import Changing, NameServer

NAMES_OF_NOBODY = [
    *[
        "0x7f.1",
        "127.1",
        "2130706433",
        "0177.0.0.1",
        "１２７.0.0.1",
        "127。0。0。1",
        "127．0．0．1",
        "①27.0.0.1",
    ],
    *["user@127.0.0.1", "user:password@127.0.0.1", "example.org@127.0.0.1", "example.org#@127.0.0.1"],
    *["127.0.0.1:0", "127.0.0.1:65536", "localhost:0", "localhost:65536", "localhost:99999", "[::1]:65536"],
    *[
        "a" * 255,
        ".".join(["a" * 63] * 4),
        ("a." * 128)[:255],
        "127.0.0.1.",
        "localhost.",
        "[::1].",
        "localhost.:1",
    ],
    *["lоcalhost", "bücher.example", "ｌocalhost", "127.0.0.1/", "127.0.0.1?", "127.0.0.1\\", "127.0.0.1%2f"],
    *[
        "[::1%lo]",
        "[fe80::1%25lo]",
        "::1",
        "[127.0.0.1]",
        "[::ffff:127.0.0.1",
        "localhost\t",
        "localhost\r\n",
        "",
    ],
]
LITERALS = [
    *["127.0.0.1", "127.255.255.254:443", "0.0.0.0:443", "10.0.0.1", "169.254.169.254:80", "192.168.1.1"],
    *["172.16.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.0.8", "198.18.0.1", "240.0.0.1"],
    *[
        "[::1]",
        "[::]:443",
        "[::ffff:127.0.0.1]",
        "[::FFFF:7F00:1]:443",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
    ],
    *[
        "[64:ff9b:1::a00:1]",
        "[2002:7f00:1::]",
        "[2001:0:1::]",
        "[fe80::1]",
        "[fec0::1]",
        "[fc00::1]",
        "[fd00::1]",
    ],
    *["[ff02::1]", "[ff0e::1]", "[2001:db8::1]"],
]
ADDRESSES = [
    *["127.0.0.1", "0.0.0.0", "10.1.2.3", "172.20.0.1", "192.168.0.1", "100.100.100.100", "169.254.169.254"],
    *[
        "224.0.0.251",
        "255.255.255.255",
        "240.1.1.1",
        "192.0.2.1",
        "198.19.0.1",
        "::1",
        "::",
        "::ffff:127.0.0.1",
    ],
    *["::127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "2001:0:4136:e378::1", "fe80::1%1", "fec0::1"],
    *["fd00::1", "ff05::2"],
]
NOT_ASSIGNED = "2f00::1"
"""An address that the guard lets pass, and that leads nowhere."""


def test_the_count_counts(world: World, build_stub: BuildStub, connects: Connects) -> None:
    stub = build_stub(Home(), names=("127.0.0.1",))
    with connects.counted() as connected, pytest.raises(OpenIdRefusedError):
        world.homeservers().verify_openid(f"127.0.0.1:{stub.port}", TOKEN)
    assert (connected, stub.connections) == ([("127.0.0.1", stub.port)], 1)


@pytest.mark.parametrize("name", NAMES_OF_NOBODY)
def test_names_that_are_none(guarded: World, connects: Connects, name: str) -> None:
    """The guard: names resolving to each refused range, DNS answers that change between checks,
    redirects into them, `[::ffff:127.0.0.1]`, `0x7f.1`, `127.1`, `１２７.0.0.1`, `127。0。0。1`, names
    with userinfo, ports 0 and 65536, 255-character names, IDNA, trailing dots: no connection is
    opened (the test counts connections, not answers).
    """
    homeservers = guarded.homeservers()
    with connects.counted() as connected:
        with pytest.raises(OpenIdRefusedError):
            homeservers.verify_openid(name, TOKEN)
        with pytest.raises(NoClientApiError):
            homeservers.client_server_api(name)
    assert not connected
    assert not guarded.addresses.asked
    assert not guarded.name_server.asked


@pytest.mark.parametrize("name", LITERALS)
def test_literals(guarded: World, connects: Connects, name: str) -> None:
    """The guard: names resolving to each refused range, DNS answers that change between checks,
    redirects into them, `[::ffff:127.0.0.1]`, `0x7f.1`, `127.1`, `１２７.0.0.1`, `127。0。0。1`, names
    with userinfo, ports 0 and 65536, 255-character names, IDNA, trailing dots: no connection is
    opened (the test counts connections, not answers).
    """
    with connects.counted() as connected, pytest.raises(RefusedError):
        guarded.homeservers().verify_openid(name, TOKEN)
    assert not connected


@pytest.mark.parametrize("address", ADDRESSES)
def test_names_in_refused_ranges(guarded: World, connects: Connects, address: str) -> None:
    """The guard: names resolving to each refused range, DNS answers that change between checks,
    redirects into them, `[::ffff:127.0.0.1]`, `0x7f.1`, `127.1`, `１２７.0.0.1`, `127。0。0。1`, names
    with userinfo, ports 0 and 65536, 255-character names, IDNA, trailing dots: no connection is
    opened (the test counts connections, not answers).
    """
    homeservers = guarded.homeservers()
    for name in ("example.org", "example.org:1234", "xn--bcher-kva.example", "localhost"):
        host = name.partition(":")[0]
        guarded.addresses.add(host, address)
        with connects.counted() as connected:
            with pytest.raises(RefusedError, match="allow_private_networks"):
                homeservers.verify_openid(name, TOKEN)
            with pytest.raises(GatewayError):
                homeservers.client_server_api(name)
        assert not connected
        assert guarded.addresses.asked[host]


def test_several_refused_addresses(guarded: World, connects: Connects) -> None:
    guarded.addresses.add("example.org", "127.0.0.1", "::1", "10.0.0.1", "fe80::1%2")
    with connects.counted() as connected, pytest.raises(RefusedError):
        guarded.homeservers().verify_openid("example.org", TOKEN)
    assert not connected


@pytest.mark.parametrize("record", ["0 0 1 inner.example.", "0 0 8448 localhost."])
@pytest.mark.parametrize("service", ["_matrix-fed._tcp", "_matrix._tcp"])
def test_srv_into_refused_ranges(guarded: World, connects: Connects, record: str, service: str) -> None:
    """The guard: names resolving to each refused range, DNS answers that change between checks,
    redirects into them, `[::ffff:127.0.0.1]`, `0x7f.1`, `127.1`, `１２７.0.0.1`, `127。0。0。1`, names
    with userinfo, ports 0 and 65536, 255-character names, IDNA, trailing dots: no connection is
    opened (the test counts connections, not answers).
    """
    guarded.name_server.records[f"{service}.example.org"] = [record]
    guarded.addresses.add("inner.example", "127.0.0.1")
    guarded.addresses.add("localhost", "::1", "127.0.0.1")
    with connects.counted() as connected, pytest.raises(RefusedError):
        guarded.homeservers().verify_openid("example.org", TOKEN)
    assert not connected


@pytest.mark.parametrize("then", ["127.0.0.1", "::1", "10.0.0.1"])
def test_answers_that_change(
    build_upstream: BuildUpstream,
    name_server: NameServer,
    connects: Connects,
    then: str,
) -> None:
    """The guard: names resolving to each refused range, DNS answers that change between checks,
    redirects into them, `[::ffff:127.0.0.1]`, `0x7f.1`, `127.1`, `１２７.0.0.1`, `127。0。0。1`, names
    with userinfo, ports 0 and 65536, 255-character names, IDNA, trailing dots: no connection is
    opened (the test counts connections, not answers).
    """
    addresses = Changing()
    addresses.add("example.org", then, NOT_ASSIGNED)
    upstream = build_upstream(connect_timeout=0.2, lookup=addresses.lookup)
    homeservers = World(upstream, addresses, name_server).homeservers()
    with connects.counted() as connected:
        for _ in range(4):
            with pytest.raises(GatewayError):
                homeservers.verify_openid("example.org", TOKEN)
    assert {address[0] for address in connected} == {NOT_ASSIGNED}
    assert addresses.asked["example.org"] > 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(name=st.from_regex(r"(xn--[a-z0-9-]{0,20}\.){0,2}xn--[a-z0-9-]{0,20}[a-z]", fullmatch=True))
def test_any_punycode(all_private: World, connects: Connects, name: str) -> None:
    with connects.counted() as connected, pytest.raises(GatewayError):
        all_private.homeservers().verify_openid(name + ":1", TOKEN)
    assert not connected


def is_on_the_internet(name: str) -> bool:
    try:
        host = parse_server_name(name)
    except BadNameError:
        return False
    return host.is_literal and not Guard().refuses(host.host)


ANY_NAME = (
    st.text(max_size=30) | st.text("0123456789abcfxX.:[]@%/-", max_size=20) | st.ip_addresses().map(str)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(name=ANY_NAME)
def test_any_name(all_private: World, connects: Connects, name: str) -> None:
    assume(not is_on_the_internet(name))  # which a test shall not call
    with connects.counted() as connected, pytest.raises(GatewayError):
        all_private.homeservers().verify_openid(name, TOKEN)
    assert not connected
