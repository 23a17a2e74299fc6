"""Redirects: bounded, judged again, and followed only where a caller asks for it."""

import pytest

from issuer.upstream import BadAnswerError, Party, RefusedError, UpstreamCall, UpstreamError
from tests.upstream.calls import follow, to
from tests.upstream.connects import Connects
from tests.upstream.fixtures import BuildStub, BuildUpstream
from tests.upstream.stub import Reply


@pytest.mark.parametrize(
    "case",
    [
        (Party.STRANGER, {}, False, False),
        (Party.LISTED, {}, False, False),
        (Party.OPERATOR, {}, False, False),
        (Party.STRANGER, {"allow_private_networks": True}, False, True),
        (Party.LISTED, {"allow_private_networks": True}, False, True),
        (Party.OPERATOR, {"allow_private_networks": True}, False, False),
        (Party.STRANGER, {}, True, True),
        (Party.LISTED, {}, True, True),
        (Party.OPERATOR, {}, True, False),
    ],
)
def test_redirects_are_judged_again(
    build_upstream: BuildUpstream,
    build_stub: BuildStub,
    connects: Connects,
    case: tuple[Party, dict[str, bool], bool, bool],
) -> None:
    party, options, insecure, goes = case
    inner = build_stub()
    outer = build_stub(lambda _: to(f"http://127.0.0.1:{inner.port}/x"))
    url = f"http://127.0.0.1:{outer.port}/"
    upstream = build_upstream(**options)
    with connects.counted() as connected:
        if goes:
            assert follow(upstream, url, party, insecure).status == 200
        else:
            with pytest.raises(RefusedError):
                follow(upstream, url, party, insecure)
    expected = 2 if goes else (0 if party is Party.STRANGER else 1)
    assert (len(connected), inner.connections) == (expected, int(goes))


def test_a_redirect_to_the_same_place_is_no_other_destination(
    build_upstream: BuildUpstream, build_stub: BuildStub
) -> None:
    stub = build_stub(lambda seen: to("/x", 308) if seen.path == "/" else Reply())
    assert follow(build_upstream(), f"http://127.0.0.1:{stub.port}/", Party.OPERATOR).status == 200
    assert stub.paths == ["/", "/x"]


def test_redirects_are_bounded(build_upstream: BuildUpstream, build_stub: BuildStub) -> None:
    stub = build_stub(lambda _: to("/"))
    with pytest.raises(BadAnswerError):
        follow(build_upstream(redirects=3), f"http://127.0.0.1:{stub.port}/", Party.OPERATOR)
    assert len(stub.seen) == 4


@pytest.mark.parametrize(
    "location",
    [
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http://user@127.0.0.1/",
        "http://:p@127.0.0.1/",
        "http://127.0.0.1\\@a/",
        "http://[::1/",
        "http://a:99999/",
        "http://１２７.0.0.1/",  # noqa: RUF001 - digits of full width
        "http:///x",
        "//",
    ],
)
def test_redirects_that_are_not_followed(
    build_upstream: BuildUpstream, build_stub: BuildStub, connects: Connects, location: str
) -> None:
    stub = build_stub(lambda _: to(location.encode().decode("latin-1")))
    with connects.counted() as connected, pytest.raises(UpstreamError):
        follow(build_upstream(), f"http://127.0.0.1:{stub.port}/", Party.OPERATOR)
    assert len(connected) == 1


def test_no_redirect_from_https_to_http(build_upstream: BuildUpstream, build_stub: BuildStub) -> None:
    inner = build_stub()
    outer = build_stub(lambda _: to(f"http://127.0.0.1:{inner.port}/"), names=("127.0.0.1",))
    with pytest.raises(BadAnswerError):
        follow(
            build_upstream(allow_private_networks=True), f"https://127.0.0.1:{outer.port}/", Party.STRANGER
        )
    assert inner.connections == 0


def test_redirects_are_not_followed_unasked(build_upstream: BuildUpstream, build_stub: BuildStub) -> None:
    stub = build_stub(lambda _: to("/x"))
    answer = build_upstream().get(f"http://127.0.0.1:{stub.port}/", named_by=Party.OPERATOR)
    assert (answer.status, stub.paths) == (302, ["/"])


def test_headers_do_not_go_with_a_redirect(build_upstream: BuildUpstream, build_stub: BuildStub) -> None:
    stub = build_stub(lambda seen: to("/x") if seen.path == "/" else Reply())
    upstream = build_upstream()
    call = UpstreamCall(
        f"http://127.0.0.1:{stub.port}/", Party.OPERATOR, headers={"Authorization": "secret"}, follow=True
    )
    upstream.call(upstream.fetch(call), 10)
    assert [seen.headers.get("Authorization") for seen in stub.seen] == ["secret", None]
