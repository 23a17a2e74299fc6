"""Server discovery: Server-Server API §Resolving server names."""

import threading
import time

import pytest

from issuer.matrix import Destination
from issuer.upstream import UnreachableError
from tests.matrix.homes import SERVER, TOKEN, Home, World, json_reply
from tests.upstream.fixtures import BuildStub, BuildUpstream
from tests.upstream.names import Addresses, NameServer
from tests.upstream.stub import Reply

LITERALS = [
    ("127.0.0.1", "127.0.0.1", 8448),
    ("127.0.0.1:8080", "127.0.0.1", 8080),
    ("[::1]", "::1", 8448),
    ("[::1]:8080", "::1", 8080),
    ("[2001:DB8::A]:1", "2001:DB8::A", 1),
]
DEFECTS = [
    Reply(404, b"{}"),
    Reply(200, b"not JSON"),
    Reply(200, b'["m.server"]'),
    Reply(200, b"{}"),
    Reply(200, b'{"m.server": 1}'),
    Reply(200, b'{"m.server": "no name"}'),
    Reply(200, b'{"m.server": "https://matrix.example.net"}'),
    Reply(200, b'{"m.server": "matrix.example.net:0"}'),
    Reply(200, b'{"m.server": "127.1"}'),
    Reply(201, b'{"m.server": "matrix.example.net:1"}'),
    Reply(500, b"{}"),
    Reply(302, b"", {"Location": "/.well-known/matrix/server"}),
    Reply(200, b'{"m.server": "matrix.example.net:1", "x": "' + b"x" * 70000 + b'"}'),
]


def delegating(to: str) -> Home:
    return Home(pages={SERVER: json_reply({"m.server": to})})


@pytest.mark.parametrize(("name", "host", "port"), LITERALS)
def test_step_1_literals(world: World, name: str, host: str, port: int) -> None:
    """Discovery: each of the six steps, delegation, ports, IPv6 literals, redirects, oversize and slow
    answers, certificate for the wrong name.
    """
    assert world.homeservers().resolve(name) == Destination(((host, port),), name)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_step_1_is_reached(world: World, build_stub: BuildStub, address: str) -> None:
    """Discovery: each of the six steps, delegation, ports, IPv6 literals, redirects, oversize and slow
    answers, certificate for the wrong name.
    """
    home = Home()
    stub = build_stub(home, names=(address,), address=(address, 0))
    name = f"[{address}]:{stub.port}" if ":" in address else f"{address}:{stub.port}"
    home.user = f"@alice:{name}"
    assert world.homeservers().verify_openid(name, TOKEN) == home.user
    assert (stub.seen[0].headers["Host"], stub.seen[0].tls_name) == (name, None)
    assert not world.addresses.asked
    assert not world.name_server.asked


def test_step_2_explicit_port(world: World, build_stub: BuildStub) -> None:
    """Discovery: each of the six steps, delegation, ports, IPv6 literals, redirects, oversize and slow
    answers, certificate for the wrong name.
    """
    home = Home()
    stub = build_stub(home, names=("example.org",))
    world.addresses.add("example.org", "127.0.0.1")
    name = f"example.org:{stub.port}"
    home.user = f"@alice:{name}"
    assert world.homeservers().verify_openid(name, TOKEN) == home.user
    assert (stub.seen[0].headers["Host"], stub.seen[0].tls_name) == (name, "example.org")
    assert len(stub.seen) == 1
    assert not world.name_server.asked


@pytest.mark.parametrize(
    ("to", "records", "host", "port"),
    [
        ("192.0.2.7", {}, "192.0.2.7", 8448),
        ("192.0.2.7:1234", {}, "192.0.2.7", 1234),
        ("[2001:db8::1]", {}, "2001:db8::1", 8448),
        ("matrix.example.net:1234", {}, "matrix.example.net", 1234),
        ("matrix.example.net", {"_matrix-fed": "0 0 555 srv.example"}, "srv.example", 555),
        ("matrix.example.net", {"_matrix": "0 0 556 old.example"}, "old.example", 556),
        ("matrix.example.net", {}, "matrix.example.net", 8448),
    ],
)
def test_step_3_delegation(
    world: World, build_stub: BuildStub, to: str, records: dict[str, str], host: str, port: int
) -> None:
    """Discovery: each of the six steps, delegation, ports, IPv6 literals, redirects, oversize and slow
    answers, certificate for the wrong name.
    """
    stub = build_stub(delegating(to), names=("example.org",))
    world.at("example.org", stub, 443)
    for service, record in records.items():
        world.name_server.records[f"{service}._tcp.matrix.example.net"] = [record + "."]
    world.name_server.records["_matrix-fed._tcp.example.org"] = ["0 0 1 not-asked."]
    assert world.homeservers().resolve("example.org") == Destination(((host, port),), to)
    assert (stub.paths, stub.seen[0].headers["Host"]) == ([SERVER], "example.org")


def test_step_3_is_reached(world: World, build_stub: BuildStub) -> None:
    """Discovery: each of the six steps, delegation, ports, IPv6 literals, redirects, oversize and slow
    answers, certificate for the wrong name.
    """
    delegated = build_stub(Home(), names=("matrix.example.net",))
    stub = build_stub(delegating("matrix.example.net"), names=("example.org",))
    world.at("example.org", stub, 443)
    world.at("matrix.example.net", delegated, 8448)
    assert world.homeservers().verify_openid("example.org", TOKEN) == "@alice:example.org"
    seen = delegated.seen[0]
    assert (seen.headers["Host"], seen.tls_name) == ("matrix.example.net", "matrix.example.net")


def test_delegation_is_followed_once(world: World, build_stub: BuildStub) -> None:
    stub = build_stub(delegating("second.example"), names=("example.org", "second.example"))
    world.at("example.org", stub, 443)
    world.at("second.example", stub, 443)
    assert world.homeservers().resolve("example.org").targets == (("second.example", 8448),)
    assert stub.paths == [SERVER]


@pytest.mark.parametrize("service", ["_matrix-fed._tcp", "_matrix._tcp"])
def test_steps_4_and_5_srv(world: World, build_stub: BuildStub, service: str) -> None:
    """Discovery: each of the six steps, delegation, ports, IPv6 literals, redirects, oversize and slow
    answers, certificate for the wrong name.
    """
    stub = build_stub(Home(), names=("example.org",))
    world.name_server.records[f"{service}.example.org"] = [
        f"10 5 {stub.port} host.example.",
        "5 0 9 dead.example.",
    ]
    world.addresses.add("host.example", "127.0.0.1")
    assert world.homeservers().verify_openid("example.org", TOKEN) == "@alice:example.org"
    assert (stub.seen[0].headers["Host"], stub.seen[0].tls_name) == ("example.org", "example.org")
    assert world.addresses.asked["dead.example"] == 1


def test_step_4_is_before_step_5(world: World) -> None:
    world.name_server.records = {
        "_matrix-fed._tcp.example.org": ["0 0 1 new.example."],
        "_matrix._tcp.example.org": ["0 0 2 old.example."],
    }
    assert world.homeservers().resolve("example.org").targets == (("new.example", 1),)


@pytest.mark.parametrize("fails", [False, True])
def test_step_6_port_8448(world: World, build_stub: BuildStub, fails: bool) -> None:
    """Discovery: each of the six steps, delegation, ports, IPv6 literals, redirects, oversize and slow
    answers, certificate for the wrong name.
    """
    stub = build_stub(Home(), names=("example.org",))
    world.at("example.org", stub, 8448)
    world.name_server.fails = fails
    assert world.homeservers().verify_openid("example.org", TOKEN) == "@alice:example.org"
    assert (stub.seen[0].headers["Host"], stub.seen[0].tls_name) == ("example.org", "example.org")
    assert world.name_server.asked.keys() == {"_matrix-fed._tcp.example.org", "_matrix._tcp.example.org"}


@pytest.mark.parametrize("reply", DEFECTS)
def test_defective_delegation_is_none(world: World, build_stub: BuildStub, reply: Reply) -> None:
    """Discovery: each of the six steps, delegation, ports, IPv6 literals, redirects, oversize and slow
    answers, certificate for the wrong name.
    """
    stub = build_stub(Home(pages={SERVER: reply}), names=("example.org",))
    world.at("example.org", stub, 443)
    assert world.homeservers().resolve("example.org").targets == (("example.org", 8448),)
    assert stub.paths[0] == SERVER


@pytest.mark.parametrize(
    "location",
    [
        "/there",
        "//www.example.org/there",
        "https://www.example.org/there",
        "https://www.example.org:8448/there",
    ],
)
def test_redirects(world: World, build_stub: BuildStub, location: str) -> None:
    """Discovery: each of the six steps, delegation, ports, IPv6 literals, redirects, oversize and slow
    answers, certificate for the wrong name.
    """
    home = delegating("matrix.example.net:1234")
    home.pages = {SERVER: Reply(302, b"", {"Location": location}), "/there": home.pages[SERVER]}
    stub = build_stub(home, names=("example.org", "www.example.org"))
    world.at("example.org", stub, 443)
    world.at("www.example.org", stub, 443, 8448)
    assert world.homeservers().resolve("example.org").targets == (("matrix.example.net", 1234),)


@pytest.mark.parametrize(
    "reply",
    [Reply(waits_for=threading.Event()), Reply(body=b'{"m.server": "a.example:1"}' + b" " * 500, drips=True)],
)
def test_a_slow_delegation_leaves_time_for_the_rest(
    build_upstream: BuildUpstream,
    build_stub: BuildStub,
    addresses: Addresses,
    name_server: NameServer,
    reply: Reply,
) -> None:
    """Discovery: each of the six steps, delegation, ports, IPv6 literals, redirects, oversize and slow
    answers, certificate for the wrong name.
    """
    upstream = build_upstream(allow_private_networks=True, total_timeout=4)
    world = World(upstream, addresses, name_server)
    slow = build_stub(Home(pages={SERVER: reply}), names=("example.org",))
    stub = build_stub(Home(), names=("example.org",))
    world.at("example.org", slow, 443)
    addresses.add("example.org", "127.0.0.1", ports={8448: stub.port})
    began = time.monotonic()
    homeservers = world.homeservers()
    assert homeservers.verify_openid("example.org", TOKEN) == "@alice:example.org"
    assert 1.9 < time.monotonic() - began < 3.9
    assert homeservers.verify_openid("example.org", TOKEN) == "@alice:example.org"
    assert slow.connections == 1


def test_slow_userinfo(
    build_upstream: BuildUpstream, build_stub: BuildStub, addresses: Addresses, name_server: NameServer
) -> None:
    """Discovery: each of the six steps, delegation, ports, IPv6 literals, redirects, oversize and slow
    answers, certificate for the wrong name.
    """
    upstream = build_upstream(allow_private_networks=True, connect_timeout=0.3, total_timeout=0.5)
    stub = build_stub(lambda _: Reply(waits_for=threading.Event()), names=("127.0.0.1",))
    homeservers = World(upstream, addresses, name_server).homeservers()
    began = time.monotonic()
    with pytest.raises(UnreachableError):
        homeservers.verify_openid(f"127.0.0.1:{stub.port}", TOKEN)
    assert 0.4 < time.monotonic() - began < 5


@pytest.mark.parametrize("delegated", [False, True])
def test_certificate_for_the_wrong_name(world: World, build_stub: BuildStub, delegated: bool) -> None:
    """Discovery: each of the six steps, delegation, ports, IPv6 literals, redirects, oversize and slow
    answers, certificate for the wrong name.
    """
    wrong = "example.org" if delegated else "other.example"
    stub = build_stub(Home(), names=(wrong, "host.example"))
    well_known = build_stub(delegating("matrix.example.net"), names=("example.org",))
    world.addresses.add("host.example", "127.0.0.1")
    if delegated:
        world.at("example.org", well_known, 443)
    for name in ("example.org", "matrix.example.net"):
        world.name_server.records[f"_matrix-fed._tcp.{name}"] = [f"0 0 {stub.port} host.example."]
    with pytest.raises(UnreachableError, match="certificate"):
        world.homeservers().verify_openid("example.org", TOKEN)
    assert not stub.seen


def test_a_delegation_needs_a_good_certificate(world: World, build_stub: BuildStub) -> None:
    stub = build_stub(delegating("evil.example"), names=("other.example",))
    world.at("example.org", stub, 443)
    assert world.homeservers().resolve("example.org").server_name == "example.org"
    assert not stub.seen
