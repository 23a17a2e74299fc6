"""Calls: answers, bounds, redirects, TLS, time, connections."""

import asyncio
import json
import threading
import time

import pytest
from aiohttp import ClientPayloadError

from issuer.upstream import (
    BadAnswerError,
    Party,
    UnreachableError,
    UpstreamCall,
    UpstreamError,
    UpstreamSettings,
)
from issuer.upstream.exchange import exchange
from issuer.upstream.pools import KeepAlivePolicy, Pools
from tests.fakes import FakeClock
from tests.upstream.calls import follow, to
from tests.upstream.fixtures import BuildStub, BuildUpstream
from tests.upstream.names import Addresses
from tests.upstream.stub import Reply, Seen, Stub

SOON = {"connect_timeout": 0.3, "total_timeout": 0.5}


def test_answer(build_upstream: BuildUpstream, build_stub: BuildStub) -> None:
    stub = build_stub(lambda seen: Reply(418, b'{"a": 1}', {"X-Kind": "pot"}))
    answer = build_upstream().get(f"http://127.0.0.1:{stub.port}/x?y=%2F", named_by=Party.OPERATOR)
    assert (answer.status, answer.json(), answer.headers["x-kind"]) == (418, {"a": 1}, "pot")
    assert stub.paths == ["/x?y=%2F"]


def test_post(build_upstream: BuildUpstream, build_stub: BuildStub) -> None:
    stub = build_stub()
    url = f"http://127.0.0.1:{stub.port}/x"
    build_upstream().post(
        url, named_by=Party.OPERATOR, body=b"{}", headers={"Content-Type": "application/json"}
    )
    assert (stub.seen[0].method, stub.seen[0].body) == ("POST", b"{}")
    assert stub.seen[0].headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 60000, b"1" * 60000])
def test_what_is_no_json(build_upstream: BuildUpstream, build_stub: BuildStub, body: bytes) -> None:
    stub = build_stub(lambda _: Reply(200, body))
    answer = build_upstream().get(f"http://127.0.0.1:{stub.port}/", named_by=Party.OPERATOR)
    with pytest.raises(BadAnswerError):
        answer.json()


def test_connections_are_kept(build_upstream: BuildUpstream, build_stub: BuildStub) -> None:
    stub = build_stub(names=("127.0.0.1",))
    upstream = build_upstream(allow_private_networks=True)
    for _ in range(10):
        upstream.get(f"https://127.0.0.1:{stub.port}/", named_by=Party.STRANGER)
    assert stub.connections == 1
    stub.drop_connections()
    assert upstream.get(f"https://127.0.0.1:{stub.port}/", named_by=Party.STRANGER).status == 200


def test_strangers_cannot_make_us_hold_connections(build_stub: BuildStub, addresses: Addresses) -> None:
    stub, clock = build_stub(), FakeClock()
    settings = UpstreamSettings(allow_private_networks=True)

    async def ask(names: str) -> None:
        pools = Pools(settings, clock, addresses.lookup)
        pools.kept = KeepAlivePolicy(clock, most=2)
        for name in names:
            clock.advance(61 * (name == "-"))
            addresses.add(f"{name}.example", "127.0.0.1")
            await exchange(
                pools, settings, UpstreamCall(f"http://{name}.example:{stub.port}/", Party.STRANGER)
            )
        await pools.close()

    asyncio.run(ask("abac-c"))
    closed = [seen.headers.get("Connection") == "close" for seen in stub.seen]
    assert closed == [False, False, False, True, False, False]


@pytest.mark.parametrize("chunked", [False, True])
def test_answers_are_bounded(build_upstream: BuildUpstream, build_stub: BuildStub, chunked: bool) -> None:
    upstream = build_upstream(largest_answer=2000)
    body = b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n" if chunked else b"x" * 2000
    over = b"7d1\r\n" + b"x" * 2001 + b"\r\n0\r\n\r\n" if chunked else b"x" * 2001
    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    for size, reply in ((2000, body), (2001, over)):
        stub = build_stub(lambda _, reply=reply: Reply(200, reply, headers))
        try:
            answer = upstream.get(f"http://127.0.0.1:{stub.port}/", named_by=Party.OPERATOR)
        except BadAnswerError:
            assert size == 2001
        else:
            assert (len(answer.body), size) == (2000, 2000)


def test_nothing_is_decompressed(build_upstream: BuildUpstream, build_stub: BuildStub) -> None:
    stub = build_stub(lambda _: Reply(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}))
    with pytest.raises(BadAnswerError, match="compressed"):
        build_upstream().get(f"http://127.0.0.1:{stub.port}/", named_by=Party.OPERATOR)
    assert stub.seen[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("reply", [Reply(waits_for=threading.Event()), Reply(body=b"x" * 1000, drips=True)])
def test_slow_answers(build_upstream: BuildUpstream, build_stub: BuildStub, reply: Reply) -> None:
    stub = build_stub(lambda _: reply)
    began = time.monotonic()
    with pytest.raises(UnreachableError):
        build_upstream(**SOON).get(f"http://127.0.0.1:{stub.port}/", named_by=Party.OPERATOR)
    assert 0.4 < time.monotonic() - began < 5


def test_a_server_that_says_nothing_of_tls(build_upstream: BuildUpstream, build_stub: BuildStub) -> None:
    stub = build_stub()  # reads what it takes for a request line
    with pytest.raises(UnreachableError):
        build_upstream(**SOON).get(f"https://127.0.0.1:{stub.port}/", named_by=Party.OPERATOR)


def test_deadline_of_a_coroutine(build_upstream: BuildUpstream) -> None:
    cancelled = threading.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    upstream = build_upstream()
    with pytest.raises(UnreachableError):
        upstream.call(endless(), 0.05)
    assert cancelled.wait(5)


def test_certificates(build_upstream: BuildUpstream, build_stub: BuildStub, addresses: Addresses) -> None:
    stub = build_stub(names=("example.org",))
    addresses.add("example.org", "127.0.0.1")
    addresses.add("other.example", "127.0.0.1")
    upstream = build_upstream(allow_private_networks=True)
    right, wrong = f"https://example.org:{stub.port}/", f"https://other.example:{stub.port}/"
    for party in Party:
        assert upstream.get(right, named_by=party).status == 200
        with pytest.raises(UnreachableError, match="certificate"):
            upstream.get(wrong, named_by=party)
        assert upstream.get(wrong, named_by=party, server_name=f"example.org:{stub.port}").status == 200
        with pytest.raises(UnreachableError, match="certificate"):
            upstream.get(right, named_by=party, server_name="other.example")


def test_an_authority_of_nobody(build_upstream: BuildUpstream, build_stub: BuildStub) -> None:
    stub = build_stub(names=("127.0.0.1",))
    upstream = build_upstream(ca_file=None)
    url = f"https://127.0.0.1:{stub.port}/"
    with pytest.raises(UnreachableError, match="certificate"):
        upstream.get(url, named_by=Party.LISTED)
    assert follow(upstream, url, Party.LISTED, insecure=True).status == 200
    assert follow(upstream, url, Party.STRANGER, insecure=True).status == 200
    with pytest.raises(UnreachableError, match="certificate"):
        follow(upstream, url, Party.OPERATOR, insecure=True)


class TestSession:
    """What libraries on aiohttp get."""

    def test_is_bounded_too(self, build_upstream: BuildUpstream, build_stub: BuildStub) -> None:
        stub = build_stub(lambda seen: Reply(body=json.dumps(["x" * int(seen.path[1:])]).encode()))
        upstream = build_upstream(largest_answer=2000)

        async def ask(size: int) -> object:
            async with upstream.session().post(f"http://127.0.0.1:{stub.port}/{size}", data=b"") as response:
                assert await response.read()
                return await response.json(content_type=None)

        assert upstream.call(ask(5), 10) == ["xxxxx"]
        assert upstream.call(ask(6), 10) == ["xxxxxx"]
        assert stub.connections == 1
        with pytest.raises(BadAnswerError):
            upstream.call(ask(2000), 10)

    def test_follows_no_redirect(self, build_upstream: BuildUpstream, build_stub: BuildStub) -> None:
        inner = build_stub()
        stub = build_stub(lambda _: to(f"http://127.0.0.1:{inner.port}/"))
        upstream = build_upstream()

        async def ask() -> None:
            async with upstream.session().get(f"http://127.0.0.1:{stub.port}/"):
                pass

        with pytest.raises(ClientPayloadError):
            upstream.call(ask(), 10)
        assert inner.connections == 0


def test_stops_while_a_call_waits_and_starts_again(
    build_upstream: BuildUpstream, build_stub: BuildStub
) -> None:
    arrived, forever = threading.Event(), threading.Event()

    def answering(seen: Seen) -> Reply:
        arrived.set()
        return Reply(waits_for=forever) if seen.path == "/wait" else Reply()

    stub: Stub = build_stub(answering)
    upstream = build_upstream()
    ended: list[BaseException] = []

    def wait() -> None:
        try:
            upstream.get(f"http://127.0.0.1:{stub.port}/wait", named_by=Party.OPERATOR)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert arrived.wait(10)
    upstream.stop()
    thread.join(5)
    assert len(ended) == 1
    assert isinstance(ended[0], UpstreamError)
    assert upstream.get(f"http://127.0.0.1:{stub.port}/", named_by=Party.OPERATOR).status == 200
