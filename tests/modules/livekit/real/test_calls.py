"""What people see of calls on a real SFU."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.modules.livekit.real.house import DELAY, Caller, House, hold_until
from tests.service import wait_for
from tests.synapse import User

pytestmark = pytest.mark.real
RETURNS = (10.0, 16.0, 17.0, 18.0, 18.5, 19.0, 19.5, 20.0, 25.0, 30.0)
"""Seconds after the last one left at which the next one asks for a token."""
SETTLED = 12.0
"""Seconds after a return in which a leave that was believed would have been sent, or the event have fired."""


@pytest.mark.parametrize("seconds", [3, 12, 19])
def test_a_client_that_comes_back(house: House, anna: User, seconds: int) -> None:
    """Real SFU: SIGKILL of a client and return after 3, 12 and 19 s (same identity, with and without a new
    delegation): the membership stays; a client that does not return: it ends within 1 s of the SFU's webhook.
    Restart of the SFU, end of a call and return at 10 to 30 s: every new token joins at the first try.
    """
    room = anna.create_room()
    again, anew, gone = (Caller(house, anna, room, f"{name}{seconds}") for name in ("AGAIN", "ANEW", "GONE"))
    callers = (again, anew, gone)
    with ThreadPoolExecutor(3) as pool:
        participants = list(pool.map(Caller.enter, callers))
        waiting = {caller: caller.start_client() for caller in (again, anew)}
        killed_at = time.time()
        for participant in participants:
            participant.kill()
        hold_until(
            killed_at + seconds, lambda: all(caller.is_member for caller in callers), "all are members"
        )
        back = list(
            pool.map(
                lambda caller: caller.enter(delegates=caller is anew, participant=waiting[caller]),
                (again, anew),
            )
        )
    settled_at, ended_at = time.time() + SETTLED, 0.0

    def is_over() -> bool:
        nonlocal ended_at
        assert again.is_member, "who is back stays"
        if not ended_at and not gone.is_member:
            ended_at = time.time()
        return bool(ended_at) and time.time() > settled_at

    wait_for(is_over, "the end of who does not come back")
    # the event that a client that died had scheduled fires, unless it goes on with it; the new one does not
    assert anew.is_kept, "who is back stays"
    assert ended_at - house.left_at(gone.identity) < 1.0
    for participant in back:
        participant.kill()


def test_an_sfu_that_restarts(house: House, anna: User) -> None:
    """Real SFU: SIGKILL of a client and return after 3, 12 and 19 s (same identity, with and without a new
    delegation): the membership stays; a client that does not return: it ends within 1 s of the SFU's webhook.
    Restart of the SFU, end of a call and return at 10 to 30 s: every new token joins at the first try.
    """
    room = anna.create_room()
    first, second = (Caller(house, anna, room, device).enter(delegates=False) for device in ("ONE", "TWO"))
    house.sfu.kill()
    house.sfu.start()
    back = [Caller(house, anna, room, device).enter(delegates=False) for device in ("ONE", "THREE")]
    for participant in (first, second, *back):
        participant.kill()


def test_a_call_that_ends_and_goes_on(house: House, anna: User) -> None:
    """Real SFU: SIGKILL of a client and return after 3, 12 and 19 s (same identity, with and without a new
    delegation): the membership stays; a client that does not return: it ends within 1 s of the SFU's webhook.
    Restart of the SFU, end of a call and return at 10 to 30 s: every new token joins at the first try.
    """

    def call(seconds: float) -> None:
        caller = Caller(house, anna, rooms[seconds], f"AT{seconds}")
        caller.enter(delegates=False).leave()
        wait_for(lambda: house.left_at(caller.identity) > 0, "the end of the call")
        wait_for(lambda: time.time() > house.left_at(caller.identity) + seconds, "some seconds")
        caller.enter(delegates=False).leave()

    rooms = {seconds: anna.create_room() for seconds in RETURNS}
    with ThreadPoolExecutor(len(RETURNS)) as pool:
        list(pool.map(call, RETURNS))


def test_a_participant_with_much_metadata(house: House, anna: User) -> None:
    """A participant with 60 kB of metadata and attributes is killed: its membership ends."""
    caller = Caller(house, anna, anna.create_room(), "MUCH")
    participant = caller.enter("x" * 60_000)
    participant.kill()
    wait_for(lambda: house.left_at(caller.identity) > 0, "the SFU to tell it")
    assert max(len(seen.body) for seen in house.heard) > 100_000
    wait_for(lambda: not caller.is_member, "the end of the membership")
    assert time.time() - house.left_at(caller.identity) < DELAY / 1000
