"""What is remembered of discovery, and for how long."""

import threading
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.matrix import Homeservers, NoClientApiError
from issuer.matrix.well_known import DEFAULT, LONGEST, SHORTEST, seconds_fresh
from tests.matrix.homes import CLIENT, SERVER, Home, World, json_reply
from tests.upstream.fixtures import BuildStub
from tests.upstream.stub import Reply, Seen, Stub

NOW = 1_800_000_000.0
DELEGATION = {"m.server": "matrix.example.net:1"}
HOUR = 3600.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, DEFAULT),
        ({"Cache-Control": "public"}, DEFAULT),
        ({"Cache-Control": "max-age=7200"}, 7200),
        ({"Cache-Control": "public, Max-Age = 7200, must-revalidate"}, 7200),
        ({"Cache-Control": 'max-age="7200"'}, 7200),
        ({"Cache-Control": "max-age=7200", "Age": "3600"}, 3600),
        ({"Cache-Control": "max-age=7200", "Age": "x"}, 7200),
        ({"Cache-Control": "max-age=0"}, SHORTEST),
        ({"Cache-Control": "max-age=999999999"}, LONGEST),
        ({"Cache-Control": "no-store"}, SHORTEST),
        ({"Cache-Control": "max-age=7200, no-cache"}, SHORTEST),
        ({"Expires": formatdate(NOW + 7200, usegmt=True)}, 7200),
        ({"Expires": formatdate(NOW - 7200, usegmt=True)}, SHORTEST),
        ({"Expires": formatdate(NOW + 7200, usegmt=True), "Cache-Control": "max-age=3600"}, 3600),
        ({"Expires": "0"}, SHORTEST),
        ({"Expires": "Thu, 01 Jan 99999 00:00:00 GMT"}, SHORTEST),
    ],
)
def test_freshness(headers: dict[str, str], seconds: float) -> None:
    assert seconds_fresh(headers, NOW) == seconds


@given(st.text(), st.text(), st.text())
def test_any_cache_header(control: str, expires: str, age: str) -> None:
    headers = {"Cache-Control": control, "Expires": expires, "Age": age}
    assert SHORTEST <= seconds_fresh(headers, NOW) <= LONGEST


@pytest.fixture
def home(world: World, build_stub: BuildStub) -> tuple[Home, Stub]:
    home = Home(pages={SERVER: json_reply(DELEGATION)})
    stub = build_stub(home, names=("example.org",))
    world.at("example.org", stub, 443)
    return home, stub


def targets(homeservers: Homeservers, name: str = "example.org") -> str:
    return homeservers.resolve(name).server_name


def test_a_delegation_is_kept_as_long_as_its_headers_say(world: World, home: tuple[Home, Stub]) -> None:
    home[0].pages[SERVER] = json_reply(DELEGATION, Cache_Control="max-age=7200")
    homeservers = world.homeservers()
    for seconds, fetched in ((0, 1), (7199, 1), (2, 2), (7199, 2)):
        world.clock.advance(seconds)
        assert targets(homeservers) == "matrix.example.net:1"
        assert len(home[1].seen) == fetched


def test_its_absence_is_kept_for_ten_minutes(world: World, home: tuple[Home, Stub]) -> None:
    home[0].pages[SERVER] = json_reply({}, 404)
    homeservers = world.homeservers()
    for seconds, fetched in ((0, 1), (599, 1), (2, 2)):
        world.clock.advance(seconds)
        assert targets(homeservers) == "example.org"
        assert len(home[1].seen) == fetched


def test_a_failure_is_kept_for_a_minute(world: World, home: tuple[Home, Stub]) -> None:
    home[0].pages[SERVER] = json_reply({}, 503)
    homeservers = world.homeservers()
    for seconds, fetched in ((0, 1), (59, 1), (2, 2)):
        world.clock.advance(seconds)
        assert targets(homeservers) == "example.org"
        assert len(home[1].seen) == fetched
    home[0].pages[SERVER] = json_reply(DELEGATION)
    world.clock.advance(61)
    assert targets(homeservers) == "matrix.example.net:1"


def test_a_failure_does_not_undo_a_delegation(world: World, home: tuple[Home, Stub]) -> None:
    homeservers = world.homeservers()
    assert targets(homeservers) == "matrix.example.net:1"
    home[0].pages[SERVER] = json_reply({}, 503)
    world.clock.advance(25 * HOUR)
    assert targets(homeservers) == "matrix.example.net:1"
    assert len(home[1].seen) == 2
    world.clock.advance(24 * HOUR)
    assert targets(homeservers) == "example.org"


def test_a_withdrawn_delegation_is_undone(world: World, home: tuple[Home, Stub]) -> None:
    homeservers = world.homeservers()
    assert targets(homeservers) == "matrix.example.net:1"
    home[0].pages[SERVER] = json_reply({}, 404)
    world.clock.advance(25 * HOUR)
    assert targets(homeservers) == "example.org"


def test_srv_records_are_kept(world: World) -> None:
    world.name_server.records["_matrix-fed._tcp.example.org"] = ["0 0 1 a.example."]
    world.name_server.ttl = 1000
    homeservers = world.homeservers()
    for seconds, asked in ((0, 1), (999, 1), (2, 2)):
        world.clock.advance(seconds)
        assert homeservers.resolve("example.org").targets == (("a.example", 1),)
        assert world.name_server.asked["_matrix-fed._tcp.example.org"] == asked


def test_srv_absence_and_failure_are_kept(world: World) -> None:
    homeservers = world.homeservers()
    for fails, seconds, asked in ((False, 0, 1), (False, 299, 1), (True, 2, 2), (True, 29, 2), (False, 2, 3)):
        world.name_server.fails = fails
        world.clock.advance(seconds)
        assert homeservers.resolve("example.org").targets == (("example.org", 8448),)
        assert world.name_server.asked["_matrix._tcp.example.org"] == asked


@pytest.mark.parametrize(
    "record",
    [
        "0 0 0 .",
        "0 0 1 .",
        "0 0 0 a.example.",
        "0 0 1 127.0.0.1.",
        "0 0 1 a/b.",
        "0 0 1 a\\@b.",
        "0 0 1 a\\000b.",
    ],
)
def test_srv_targets_that_are_none(world: World, record: str) -> None:
    world.name_server.records["_matrix-fed._tcp.example.org"] = [record]
    assert world.homeservers().resolve("example.org").targets == (("example.org", 8448),)


def test_many_ask_at_once_and_one_is_asked(world: World, build_stub: BuildStub) -> None:
    arrived, go = threading.Event(), threading.Event()

    def answering(_: Seen) -> Reply:
        arrived.set()
        return Reply(body=b'{"m.server": "matrix.example.net:1"}', waits_for=go)

    stub = build_stub(answering, names=("example.org",))
    world.at("example.org", stub, 443)
    homeservers = world.homeservers(listed=["example.org"])
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(targets(homeservers))) for _ in range(10)]
    for thread in threads:
        thread.start()
    assert arrived.wait(10)
    go.set()
    for thread in threads:
        thread.join()
    assert (found, len(stub.seen)) == (["matrix.example.net:1"] * 10, 1)


def test_strangers_cannot_crowd_out_a_listed_homeserver(world: World, home: tuple[Home, Stub]) -> None:
    homeservers = world.homeservers(listed=["example.org"])
    targets(homeservers)
    for number in range(1001):
        targets(homeservers, f"s{number}.example")
    targets(homeservers)
    assert len(home[1].seen) == 1
    asked = world.addresses.asked["s0.example"]
    targets(homeservers, "s0.example")
    assert world.addresses.asked["s0.example"] == asked + 1


class TestClientServerApi:
    """`/.well-known/matrix/client`."""

    def test_is_kept_for_four_hours(self, world: World, home: tuple[Home, Stub]) -> None:
        home[0].pages[CLIENT] = json_reply({"m.homeserver": {"base_url": "https://cs.example.net/"}})
        homeservers = world.homeservers()
        for seconds, fetched in ((0, 1), (4 * HOUR - 1, 1), (2, 2)):
            world.clock.advance(seconds)
            assert homeservers.client_server_api("example.org") == "https://cs.example.net"
            assert home[1].paths == [CLIENT] * fetched

    def test_overrides(self, world: World) -> None:
        homeservers = world.homeservers(overrides={"example.org": "http://synapse:8008/"})
        assert homeservers.client_server_api("example.org") == "http://synapse:8008"
        assert not world.addresses.asked

    def test_is_asked_for_by_the_whole_name(self, world: World, build_stub: BuildStub) -> None:
        page = json_reply({"m.homeserver": {"base_url": "https://cs.example.net:1/base"}})
        stub = build_stub(Home(pages={CLIENT: page}), names=("localhost",))
        world.addresses.add("localhost", "127.0.0.1")
        homeservers = world.homeservers()
        assert homeservers.client_server_api(f"localhost:{stub.port}") == "https://cs.example.net:1/base"

    @pytest.mark.parametrize(
        "page",
        [
            json_reply({}, 404),
            json_reply({}),
            json_reply([]),
            json_reply({"m.homeserver": "https://cs.example.net"}),
            json_reply({"m.homeserver": {"base_url": 1}}),
            *[
                json_reply({"m.homeserver": {"base_url": url}})
                for url in (
                    "",
                    "http://cs.example.net",
                    "ftp://x",
                    "//x",
                    "https://",
                    "https://a@b/",
                    "https://a/?q",
                )
            ],
            *[
                json_reply({"m.homeserver": {"base_url": url}})
                for url in (
                    "https://a/#f",
                    "https://a b/",
                    "https://a:99999/",
                    "https://[::1/",
                    "https://ä/",
                    "x",
                )
            ],
            Reply(200, b"{"),
            Reply(503),
            Reply(302, b"", {"Location": "http://example.org/"}),
        ],
    )
    def test_cannot_be_found(self, world: World, home: tuple[Home, Stub], page: Reply) -> None:
        home[0].pages[CLIENT] = page
        homeservers = world.homeservers()
        for seconds, fetched in ((0, 1), (59, 1), (2, 2)):
            world.clock.advance(seconds)
            with pytest.raises(NoClientApiError):
                homeservers.client_server_api("example.org")
            assert home[1].paths == [CLIENT] * fetched

    def test_a_failure_does_not_undo_it(self, world: World, home: tuple[Home, Stub]) -> None:
        home[0].pages[CLIENT] = json_reply({"m.homeserver": {"base_url": "https://cs.example.net"}})
        homeservers = world.homeservers()
        homeservers.client_server_api("example.org")
        home[0].pages[CLIENT] = Reply(503)
        world.clock.advance(5 * HOUR)
        assert homeservers.client_server_api("example.org") == "https://cs.example.net"
