"""The guard before redirects, and who passes it."""

# ruff: noqa: RUF001, RUF002 - digits and dots that look like others are what this is about

import pytest

from issuer.matrix import NoClientApiError
from issuer.upstream import RefusedError
from tests.matrix.homes import CLIENT, SERVER, TOKEN, Home, World, json_reply
from tests.upstream.connects import Connects
from tests.upstream.fixtures import BuildStub
from tests.upstream.stub import Reply


@pytest.mark.parametrize(
    "location",
    [
        *[
            "https://127.0.0.1:{}/",
            "https://[::ffff:127.0.0.1]:{}/",
            "https://inner.example:{}/",
            "//127.0.0.1:{}/",
        ],
        *["https://127.1:{}/", "https://0x7f.1:{}/", "https://１２７.0.0.1:{}/", "https://127。0。0。1:{}/"],
        *[
            "https://2130706433:{}/",
            "https://user@127.0.0.1:{}/",
            "https://localhost.:{}/",
            "http://127.0.0.1:{}/",
        ],
    ],
)
def test_redirects(guarded: World, build_stub: BuildStub, connects: Connects, location: str) -> None:
    """The guard: names resolving to each refused range, DNS answers that change between checks,
    redirects into them, `[::ffff:127.0.0.1]`, `0x7f.1`, `127.1`, `１２７.0.0.1`, `127。0。0。1`, names
    with userinfo, ports 0 and 65536, 255-character names, IDNA, trailing dots: no connection is
    opened (the test counts connections, not answers).
    """
    inner = build_stub(names=("127.0.0.1",))
    home = Home()
    outer = build_stub(home, names=("example.org",))
    guarded.at("example.org", outer, 443)
    for name in ("inner.example", "localhost."):
        guarded.addresses.add(name, "127.0.0.1")
    for status in (301, 302, 303, 307, 308):
        target = location.format(inner.port).encode().decode("latin-1")
        reply = Reply(status, b"", {"Location": target})
        home.pages = {SERVER: reply, CLIENT: reply}
        homeservers = guarded.homeservers(listed=["example.org"])  # a stranger's own would be refused already
        with connects.counted() as connected:
            assert homeservers.resolve("example.org").targets == (("example.org", 8448),)
            with pytest.raises(NoClientApiError):
                homeservers.client_server_api("example.org")
        assert {address[1] for address in connected} <= {outer.port}
    assert len(outer.seen) == 10
    assert inner.connections == 0


class TestExemptions:
    """Who passes."""

    def test_a_listed_homeserver_with_its_delegation(self, guarded: World, build_stub: BuildStub) -> None:
        inner = build_stub(Home(), names=("matrix.example.net",))
        delegation = json_reply({"m.server": f"matrix.example.net:{inner.port}"})
        outer = build_stub(Home(pages={SERVER: delegation}), names=("example.org",))
        guarded.at("example.org", outer, 443)
        guarded.addresses.add("matrix.example.net", "127.0.0.1")
        assert guarded.homeservers(listed=["example.org"]).verify_openid("example.org", TOKEN)
        with pytest.raises(RefusedError):
            guarded.homeservers(listed=["example.com"]).verify_openid("example.org", TOKEN)
        with pytest.raises(RefusedError):
            guarded.homeservers(listed=["example.org"]).verify_openid("EXAMPLE.org", TOKEN)

    def test_a_listed_homeserver_with_its_srv_target(self, guarded: World, build_stub: BuildStub) -> None:
        inner = build_stub(Home(), names=("example.org",))
        guarded.name_server.records["_matrix-fed._tcp.example.org"] = [f"0 0 {inner.port} inner.example."]
        guarded.addresses.add("inner.example", "127.0.0.1")
        assert guarded.homeservers(listed=["example.org"]).verify_openid("example.org", TOKEN)

    def test_a_stranger_cannot_borrow_the_exemption(
        self, guarded: World, build_stub: BuildStub, connects: Connects
    ) -> None:
        home = Home()
        stub = build_stub(home, names=("hs.example",))
        listed = f"hs.example:{stub.port}"
        home.user = f"@alice:{listed}"
        guarded.addresses.add("hs.example", "127.0.0.1")
        guarded.name_server.records["_matrix-fed._tcp.evil.example"] = [f"0 0 {stub.port} hs.example."]
        homeservers = guarded.homeservers(listed=[listed])
        assert homeservers.verify_openid(listed, TOKEN) == home.user
        with connects.counted() as connected, pytest.raises(RefusedError):
            homeservers.verify_openid("evil.example", TOKEN)
        assert not connected
        assert len(stub.seen) == 1

    def test_a_star_exempts_nobody(self, guarded: World, connects: Connects) -> None:
        with connects.counted() as connected, pytest.raises(RefusedError):
            guarded.homeservers(listed=["*"]).verify_openid("127.0.0.1:1", TOKEN)
        assert not connected

    def test_the_lab_switch(self, guarded: World, build_stub: BuildStub) -> None:
        home = Home()
        stub = build_stub(home, names=("other.example",))
        name = f"127.0.0.1:{stub.port}"
        home.user = f"@alice:{name}"
        assert guarded.homeservers(insecure=True).verify_openid(name, TOKEN) == home.user
        with pytest.raises(RefusedError):
            guarded.homeservers().verify_openid(name, TOKEN)
