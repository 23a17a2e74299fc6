"""Who has to go when there are too many."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.serving.connections.crowd import Crowd, Neighbourhoods

PROXIES = Neighbourhoods([ip_network("10.0.0.0/8"), ip_network("2001:db8:9::/48")])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "", True),
        ("", "192.0.2.1", False),
    ],
)
def test_neighbours(one: str, other: str, *, same: bool) -> None:
    assert (PROXIES.of(one) == PROXIES.of(other)) is same


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8:9::1"])
def test_proxies_are_nobodys_neighbours(address: str) -> None:
    assert PROXIES.of(address) is None


@given(st.text(max_size=60))
def test_any_text_has_a_neighbourhood(address: str) -> None:
    assert PROXIES.of(address) == PROXIES.of(address)


def test_of_one_address_who_was_silent_for_longest_goes() -> None:
    crowd: Crowd[str] = Crowd(most=10, each=2, neighbourhoods=PROXIES)
    assert [crowd.admit(name, "192.0.2.1") for name in ("a", "b")] == [None, None]
    assert crowd.admit("x", "192.0.2.2") is None
    crowd.stir("a")
    assert crowd.admit("c", "192.0.2.1") == "b"
    crowd.leave("a")
    assert crowd.admit("d", "192.0.2.1") is None
    assert len(crowd) == 3


def test_of_all_who_was_silent_for_longest_goes() -> None:
    crowd: Crowd[int] = Crowd(most=3, each=2, neighbourhoods=PROXIES)
    assert [crowd.admit(number, f"192.0.2.{number}") for number in range(3)] == [None] * 3
    crowd.stir(0)
    assert crowd.admit(3, "192.0.2.3") == 1


def test_a_proxy_has_room_and_never_goes_for_others() -> None:
    crowd: Crowd[int] = Crowd(most=4, each=1, neighbourhoods=PROXIES)
    assert [crowd.admit(number, "10.0.0.1") for number in range(3)] == [None] * 3
    assert crowd.admit(3, "192.0.2.1") is None
    assert crowd.admit(4, "10.0.0.1") == 3
    assert crowd.admit(5, "192.0.2.1") == 5, "there is nobody else who could go"
    assert crowd.admit(6, "10.0.0.1") == 6, "however many files there are"


def test_whoever_is_unknown_is_no_mistake() -> None:
    crowd: Crowd[int] = Crowd(most=1, each=1, neighbourhoods=PROXIES)
    crowd.stir(1)
    crowd.leave(1)
    assert len(crowd) == 0


EVENTS = st.lists(st.tuples(st.sampled_from(["admit", "stir", "leave"]), st.integers(0, 30)), max_size=200)


@given(EVENTS)
def test_the_bounds_hold_whatever_happens(events: list[tuple[str, int]]) -> None:
    crowd: Crowd[int] = Crowd(most=8, each=3, neighbourhoods=PROXIES)
    there: dict[int, str] = {}
    for what, number in events:
        if what == "admit" and number not in there:
            there[number] = f"192.0.2.{number % 5}"
            gone = crowd.admit(number, there[number])
            if gone is not None:
                del there[gone]
        elif what == "leave":
            there.pop(number, None)
            crowd.leave(number)
        else:
            crowd.stir(number)
        assert len(crowd) == len(there) <= 8
        assert max(map(list(there.values()).count, there.values()), default=0) <= 3
