"""Verifying an OpenID token."""

import logging
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuer.errors import GatewayError
from issuer.matrix import OpenIdRefusedError
from issuer.upstream import BadAnswerError, TooManyCallsError, UnreachableError
from tests.matrix.homes import SERVER, TOKEN, USERINFO, Home, World, json_reply
from tests.upstream.fixtures import BuildStub, BuildUpstream
from tests.upstream.names import Addresses, NameServer
from tests.upstream.stub import Reply, Stub

USER = "@alice:example.org"
REFUSALS = [
    json_reply({"errcode": "M_UNKNOWN_TOKEN", "error": "Access Token unknown or expired"}, 401),
    json_reply({"sub": "@alice:example.com"}),
    json_reply({"sub": "@alice:example.org:8448"}),
    json_reply({"sub": "@alice:EXAMPLE.org"}),
    json_reply({"sub": "@alice"}),
    json_reply({"sub": "alice:example.org"}),
    json_reply({"sub": "@alice:example.org:x"}),
    json_reply({"sub": "@a\0:example.org"}),
    json_reply({"sub": "@a\ud800:example.org"}),
    json_reply({"sub": 1}),
    json_reply({"sub": [USER]}),
    json_reply({}),
    json_reply([USER]),
    json_reply(USER),
    json_reply(None),
]


@pytest.fixture
def home(world: World, build_stub: BuildStub) -> tuple[Home, Stub]:
    home = Home()
    stub = build_stub(home, names=("example.org",))
    world.at("example.org", stub, 443, 8448)
    return home, stub


def test_a_user(world: World, home: tuple[Home, Stub]) -> None:
    assert world.homeservers().verify_openid("example.org", TOKEN) == USER
    request = home[1].seen[-1]
    path, query = request.path.split("?")
    assert (request.method, path, parse_qs(query)) == ("GET", USERINFO, {"access_token": [TOKEN]})
    assert "Authorization" not in request.headers


def test_a_user_of_a_server_with_a_port(world: World, build_stub: BuildStub) -> None:
    home = Home()
    stub = build_stub(home, names=("localhost",))
    world.addresses.add("localhost", "127.0.0.1")
    home.user = f"@alice:localhost:{stub.port}"
    assert world.homeservers().verify_openid(f"localhost:{stub.port}", TOKEN) == home.user


@pytest.mark.parametrize("reply", REFUSALS)
def test_refusals(world: World, home: tuple[Home, Stub], reply: Reply) -> None:
    home[0].pages[USERINFO] = reply
    with pytest.raises(OpenIdRefusedError) as refused:
        world.homeservers().verify_openid("example.org", TOKEN)
    assert refused.value.status == 401
    assert home[1].paths[-1].startswith(USERINFO)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (json_reply({"sub": USER}, 201), "201 without an errcode"),
        (Reply(302, b"", {"Location": "/elsewhere"}), "302 without an errcode"),
        (Reply(401, b"<html>"), "401 without an errcode .* asks for a password"),
        (json_reply({"errcode": "M_MISSING_TOKEN"}, 401), "401 M_MISSING_TOKEN"),
        (json_reply({"errcode": "M_FORBIDDEN"}, 403), "403 M_FORBIDDEN .* its federation is off"),
        (json_reply({"errcode": "M_UNRECOGNIZED"}, 404), "404 M_UNRECOGNIZED .* `openid`"),
        (json_reply({"errcode": "M_LIMIT_EXCEEDED"}, 429), "429 M_LIMIT_EXCEEDED .* limits"),
        (Reply(502, b"<html>"), "502 without an errcode .* its log says why"),
        (json_reply({"errcode": "not one\n of them"}, 500), "500 without an errcode"),
    ],
    ids=str,
)
def test_what_is_no_answer_of_a_homeserver(
    world: World, home: tuple[Home, Stub], reply: Reply, told: str
) -> None:
    home[0].pages[USERINFO] = reply
    with pytest.raises(BadAnswerError, match=f"^example.org answers {told}"):
        world.homeservers().verify_openid("example.org", TOKEN)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 50000, b" " * 70000])
def test_answers_of_no_use(world: World, home: tuple[Home, Stub], body: bytes) -> None:
    home[0].pages[USERINFO] = Reply(200, body)
    with pytest.raises(BadAnswerError):
        world.homeservers().verify_openid("example.org", TOKEN)


@pytest.mark.parametrize("token", ["", "é", "\ud800", "x" * 4097])
def test_tokens_that_no_homeserver_gives(world: World, home: tuple[Home, Stub], token: str) -> None:
    with pytest.raises(OpenIdRefusedError):
        world.homeservers().verify_openid("example.org", token)
    assert home[1].connections == 0


def test_never_cached(world: World, home: tuple[Home, Stub]) -> None:
    homeservers = world.homeservers()
    for _ in range(3):
        assert homeservers.verify_openid("example.org", TOKEN) == USER
    home[0].pages[USERINFO] = REFUSALS[0]
    with pytest.raises(OpenIdRefusedError):
        homeservers.verify_openid("example.org", TOKEN)
    assert len([path for path in home[1].paths if path.startswith(USERINFO)]) == 4
    assert home[1].paths.count(SERVER) == 1
    assert home[1].connections <= 2


def test_a_dead_target_is_passed_over(world: World, build_stub: BuildStub) -> None:
    stub = build_stub(Home(), names=("example.org",))
    records = ["1 0 1 dead.example.", f"2 0 {stub.port} alive.example.", "3 0 1 third.example."]
    world.name_server.records["_matrix-fed._tcp.example.org"] = records
    world.addresses.add("dead.example", "127.0.0.1")
    world.addresses.add("alive.example", "127.0.0.1")
    assert world.homeservers().verify_openid("example.org", TOKEN) == USER
    assert not world.addresses.asked["third.example"]


def test_the_token_is_in_no_log_and_no_error(
    build_upstream: BuildUpstream,
    build_stub: BuildStub,
    addresses: Addresses,
    name_server: NameServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    upstream = build_upstream(allow_private_networks=True, connect_timeout=0.3, total_timeout=0.5)
    homeservers = World(upstream, addresses, name_server).homeservers()
    secret = "sEcReTtOkEn"
    raw = [b"", b"\0\0\0", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 999999 X\r\n\r\n"]
    replies = [
        Reply(302, b"", {"Location": f"https://x/?access_token={secret}"}),
        Reply(200, b"{"),
        Reply(200, b"x" * 70000),
        Reply(200, b"x", {"Content-Length": "100"}),
        Reply(200, b"x", {"Transfer-Encoding": "chunked"}),
        Reply(200, b"x", {"Content-Encoding": "gzip"}),
        Reply(200, b"x", {"Content-Length": raw[2].decode()[-5]}),
        Reply(waits_for=threading.Event()),
        *REFUSALS,
    ]
    errors = []
    for reply in replies:
        stub = build_stub(lambda _, reply=reply: reply, names=("127.0.0.1",))
        with pytest.raises(GatewayError) as caught:
            homeservers.verify_openid(f"127.0.0.1:{stub.port}", secret)
        errors.append(caught.value)
        stub.drop_connections()
    upstream.stop()
    for error in errors:
        while error.__cause__:
            error = error.__cause__  # type: ignore[assignment]  # noqa: PLW2901
        assert secret not in f"{error!r} {error}"
    assert secret not in caplog.text
    assert not [record for record in caplog.records if secret in str(record.__dict__)]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("sub"), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(value=ANY_JSON | st.builds(lambda text: {"sub": text}, st.text("@:aexmplorg.\0", max_size=20)))
def test_any_answer(world: World, home: tuple[Home, Stub], value: object) -> None:
    home[0].pages[USERINFO] = json_reply(value)
    try:
        user = world.homeservers().verify_openid("example.org", TOKEN)
    except (OpenIdRefusedError, BadAnswerError):
        return
    assert value == {**value, "sub": user}  # type: ignore[dict-item]
    assert user.endswith(":example.org")


class TestBulkheads:
    """One homeserver that hangs, and the others."""

    def test_a_tarpit_holds_few_threads(
        self,
        build_upstream: BuildUpstream,
        build_stub: BuildStub,
        addresses: Addresses,
        name_server: NameServer,
    ) -> None:
        upstream = build_upstream(threads=16, allow_private_networks=True)
        never = threading.Event()
        arrived = threading.Semaphore(0)

        def hang(_: object) -> Reply:
            arrived.release()
            return Reply(waits_for=never)

        names = [f"127.0.0.1:{build_stub(hang, names=('127.0.0.1',)).port}" for _ in range(3)]
        home = Home()
        local = build_stub(home, names=("localhost",))
        addresses.add("localhost", "127.0.0.1")
        home.user = f"@alice:localhost:{local.port}"
        listed = home.user.partition(":")[2]
        homeservers = World(upstream, addresses, name_server).homeservers(listed=[listed])
        ended: list[GatewayError] = []

        def ask(name: str) -> None:
            try:
                homeservers.verify_openid(name, TOKEN)
            except GatewayError as error:
                ended.append(error)

        threads = [threading.Thread(target=ask, args=(name,)) for name in names * 20]
        for thread in threads:
            thread.start()
        for _ in range(8):
            assert arrived.acquire(timeout=10)
        for thread in threads:
            thread.join(0.05)
        assert [type(error) for error in ended] == [TooManyCallsError] * 52
        for _ in range(50):
            assert homeservers.verify_openid(listed, TOKEN) == home.user
        never.set()
        for thread in threads:
            thread.join()
        assert not arrived.acquire(blocking=False)
        assert {type(error) for error in ended[52:]} == {OpenIdRefusedError}

    def test_a_call_that_ends_makes_room(
        self,
        build_upstream: BuildUpstream,
        build_stub: BuildStub,
        addresses: Addresses,
        name_server: NameServer,
    ) -> None:
        upstream = build_upstream(
            threads=1, allow_private_networks=True, connect_timeout=0.2, total_timeout=0.3
        )
        stub = build_stub(lambda _: Reply(waits_for=threading.Event()), names=("127.0.0.1",))
        homeservers = World(upstream, addresses, name_server).homeservers()
        for _ in range(3):
            with pytest.raises(UnreachableError):
                homeservers.verify_openid(f"127.0.0.1:{stub.port}", TOKEN)


def test_query_of_a_strange_token(world: World, home: tuple[Home, Stub]) -> None:
    token = "&access_token=other#?%41 +/\\\"'<>\r\nHost: x\0"
    world.homeservers().verify_openid("example.org", token)
    assert parse_qs(urlsplit(home[1].paths[-1]).query) == {"access_token": [token]}
