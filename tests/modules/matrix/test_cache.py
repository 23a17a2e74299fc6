"""How often a homeserver is asked who is in a room, and which one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, inspect, select, text

from issuer.store import Store
from tests.modules.matrix.calls import answered
from tests.modules.matrix.conftest import BuildCaller, BuildStubbed
from tests.modules.matrix.stub import ADMIN_TOKEN, Home
from tests.modules.matrix.test_api import IN_ROOM, body
from tests.service import wait_for
from tests.upstream.authority import Authority
from tests.upstream.stub import Reply


def test_members_are_remembered(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    caller = build_stubbed(cache="10s")
    for _ in range(3):
        assert answered(caller.post(IN_ROOM, body(stubbed)))["results"]["room_membership"]
    assert (stubbed.asked("/members"), stubbed.asked("/state")) == (1, 2)
    assert stubbed.asked("userinfo") == 3, "which is never remembered"
    stubbed.members.clear()
    caller.gateway.clock.advance(9.5)
    assert answered(caller.post(IN_ROOM, body(stubbed)))["results"]["room_membership"]
    caller.gateway.clock.advance(0.5)
    assert not answered(caller.post(IN_ROOM, body(stubbed)))["results"]["room_membership"]


def test_nothing_is_stored(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    """Whoever asks fills no store, so they have no quota."""
    caller = build_stubbed()
    store = caller.gateway.parts.store
    with store.database.read() as connection:
        tables = inspect(connection).get_table_names()
    before = {table: rows_of(store, table) for table in tables}
    assert {"issuances", "attempts"} <= before.keys()
    for _ in range(3):
        assert answered(caller.post(IN_ROOM, body(stubbed)))["results"]["room_membership"]
        assert not answered(caller.post(IN_ROOM, body(stubbed, token="invented")))["results"]["user"]
    assert {table: rows_of(store, table) for table in tables} == before


def rows_of(store: Store, table: str) -> int:
    with store.database.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(text(table))) or 0)


def test_nothing_is_remembered(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    caller = build_stubbed(cache=0)
    for number in range(1, 4):
        assert answered(caller.post(IN_ROOM, body(stubbed)))["results"]["room_membership"]
        assert stubbed.asked("/members") == number


def test_who_was_let_in_need_not_wait(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    caller = build_stubbed(cache="1h")
    stubbed.tokens["bob-token"] = bob = f"@bob:{stubbed.name}"

    def is_member() -> bool:
        found = answered(caller.post(IN_ROOM, body(stubbed, token="bob-token")))
        return bool(found["results"]["room_membership"])

    assert [is_member() for _ in range(5)] == [False] * 5
    assert stubbed.asked("/members") == 1, "a no is not asked again at once"
    stubbed.members.append(bob)
    caller.gateway.clock.advance(1)
    assert [is_member() for _ in range(5)] == [True] * 5
    assert stubbed.asked("/members") == 2


@pytest.mark.parametrize("cache", ["10s", 0])
def test_many_at_once_ask_once(build_stubbed: BuildStubbed, stubbed: Home, cache: str | int) -> None:
    caller = build_stubbed(cache=cache)
    slow = threading.Event()
    whole = stubbed._of_room("members", "")
    stubbed.broken["members"] = Reply(200, whole.body, waits_for=slow)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(caller.post, IN_ROOM, body(stubbed)) for _ in range(8)]
        wait_for(lambda: stubbed.asked("userinfo") == 8 and stubbed.asked("/members") > 0, "the calls")
        slow.set()
        assert all(answered(one.result())["results"]["room_membership"] for one in answers)
    assert stubbed.asked("/members") <= 2, "but one that came when the first was done"


def test_the_room_id_is_one_segment_of_the_path(build_stubbed: BuildStubbed, stubbed: Home) -> None:
    caller = build_stubbed()
    nasty = "!a/../b?c#d%2F&e=é+ \u2028:example.org"
    answered(caller.post(IN_ROOM, body(stubbed, room_id=nasty)))
    encoded = "%21a%2F..%2Fb%3Fc%23d%252F%26e%3D%C3%A9%2B%20%E2%80%A8%3Aexample.org"
    asked = {urlsplit(path).path for path in stubbed.server.paths if "userinfo" not in path}
    assert asked == {f"/_synapse/admin/v1/rooms/{encoded}/{what}" for what in ("members", "state")}


def test_users_of_homeservers_that_are_not_configured(
    build_caller: BuildCaller, stubbed: Home, authority: Authority
) -> None:
    """Those that are configured are asked in turn; one that has nobody in the room has no say."""
    elsewhere, stale = Home(authority), Home(authority)
    elsewhere.tokens["carol-token"] = carol = f"@carol:{elsewhere.name}"
    stubbed.members.append(carol)
    stale.members[:] = [f"@dave:{elsewhere.name}", "@x:example.net"]
    names = {home.name: {"url": home.url, "access_token": ADMIN_TOKEN} for home in (stale, stubbed)}
    caller = build_caller(matrix={"homeservers": names}, server_names=[elsewhere.name, stubbed.name])
    sent = body(elsewhere, token="carol-token")
    assert answered(caller.post(IN_ROOM, sent))["results"]["room_membership"]
    assert (stale.asked("/members"), stubbed.asked("/members")) == (1, 1)
    elsewhere.tokens["dave-token"] = f"@dave:{elsewhere.name}"
    assert not answered(caller.post(IN_ROOM, body(elsewhere, token="eve-token")))["results"]["user"]
    # what one with nobody there remembers of others does not count
    dave = body(elsewhere, token="dave-token")
    assert not answered(caller.post(IN_ROOM, dave))["results"]["room_membership"]
    # alice's own homeserver is configured: nobody else is asked
    before = stale.asked("/members")
    assert answered(caller.post(IN_ROOM, body(stubbed)))["results"]["room_membership"]
    assert stale.asked("/members") == before
    # one that fails does not keep the next one from saying yes
    stale.broken["members"] = Reply(500)
    caller.gateway.clock.advance(11)
    assert answered(caller.post(IN_ROOM, sent))["results"]["room_membership"]
    for home in (elsewhere, stale):
        home.close()
