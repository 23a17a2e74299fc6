"""The end of a session is one transaction with what hangs on it; whoever begins one meanwhile sees it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from issuer.store import OutdatedError, PendingStep, SessionRow, Store, StoreError
from tests.fakes import FakeClock
from tests.faults.locks import wait_for_somebody_who_waits
from tests.store.samples import NOW, id_hash, identity, session, user

PROOF = user().password_hash


@pytest.fixture
def store(any_url: str, clock: FakeClock) -> Iterator[Store]:
    store = Store.open(any_url, clock)
    store.users.add(user())
    yield store
    store.close()


def signed_in(name: str = "one", proof: str = PROOF) -> SessionRow:
    return session(name, identity=replace(identity(), proof=proof))


def test_what_hangs_on_a_session_ends_with_it_or_neither_does(store: Store) -> None:
    """A sign-out that fails can be repeated."""
    heard: list[Sequence[bytes]] = []

    def forget_users(_: Sequence[bytes], __: bytes | None) -> None:
        store.users.remove(user().id)
        if not heard:
            heard.append([])
            raise StoreError("the disk is full")

    store.sessions.add(session())
    store.sessions.enders.append(forget_users)
    store.sessions.listeners.append(lambda ended, _: heard.append(ended))
    with pytest.raises(StoreError):
        store.sessions.end(id_hash("one"))
    assert store.sessions.get(id_hash("one"))
    assert store.users.by_uid("dwho")
    assert heard == [[]]
    assert store.sessions.end(id_hash("one"))
    assert store.users.by_uid("dwho") is None
    assert heard == [[], [id_hash("one")]]


def test_listeners_hear_of_an_end_when_it_is_committed(store: Store) -> None:
    seen: list[object] = []
    store.sessions.add(session())
    store.sessions.listeners.append(lambda ended, _: seen.append(store.sessions.get(ended[0])))
    with store.database.write():
        assert store.sessions.end_of("local", "id-of-dwho") == 1
        assert seen == []
    assert seen == [None]


def test_a_transaction_that_fails_takes_all_of_it_back_and_tells_nobody(store: Store) -> None:
    seen: list[object] = []
    store.sessions.add(session())
    store.sessions.listeners.append(lambda ended, _: seen.append(ended))

    def fail() -> None:
        with store.database.write():
            store.sessions.end(id_hash("one"))
            store.attempts.clear("b")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.sessions.get(id_hash("one"))
    assert seen == []
    store.sessions.end(id_hash("one"))
    assert seen == [[id_hash("one")]]


def test_a_successor_that_has_ended_inherits_nothing(store: Store) -> None:
    heirs: list[bytes | None] = []
    store.sessions.enders.append(lambda _, heir: heirs.append(heir))
    for name in ("one", "two", "three"):
        store.sessions.add(session(name))
    store.sessions.end(id_hash("one"), id_hash("two"))
    store.sessions.end(id_hash("two"), id_hash("never"))
    assert heirs == [id_hash("two"), None]


@pytest.mark.parametrize("change", [{"password_hash": "$argon2id$new"}, {"enabled": False}])
def test_who_proved_an_old_password_begins_nothing(store: Store, change: dict[str, object]) -> None:
    store.sessions.add(signed_in())
    store.users.change(user().id, NOW, **change)  # type: ignore[arg-type]
    step = PendingStep(id_hash("step"), "local", user().id, {}, NOW + 60)
    with pytest.raises(OutdatedError):
        store.sessions.add(signed_in("two"))
    with pytest.raises(OutdatedError):
        store.pending_steps.add(step, PROOF)
    assert store.sessions.get(id_hash("two")) is None
    assert store.pending_steps.get(id_hash("step")) is None


def test_other_changes_of_a_user_keep_nobody_out(store: Store) -> None:
    store.users.change(user().id, NOW, groups=("staff",))
    store.sessions.add(signed_in())
    assert store.sessions.get(id_hash("one")) == session()


def test_who_signs_in_while_the_password_changes_waits_for_that(store: Store) -> None:
    with ThreadPoolExecutor(1) as pool:
        with store.database.write():
            store.users.change(user().id, NOW, password_hash="$argon2id$new")
            store.sessions.end_of("local", user().id)
            signing_in = pool.submit(store.sessions.add, signed_in())
            wait_for_somebody_who_waits(store.database)
        assert isinstance(signing_in.exception(), OutdatedError)
    assert store.sessions.get(id_hash("one")) is None


def test_a_session_that_takes_the_place_of_another_is_ended_too(store: Store) -> None:
    """Whoever ends all sessions of somebody waits for a sign-in that replaces one, and finds the new one."""
    store.sessions.add(session())
    with ThreadPoolExecutor(1) as pool:
        with store.database.write():
            store.sessions.end(id_hash("one"))
            ending = pool.submit(store.sessions.end_of_uid, "dwho")
            wait_for_somebody_who_waits(store.database)
            store.sessions.add(session("two"))
        assert [row.id_hash for row in ending.result()] == [id_hash("two")]
    assert store.sessions.all() == []


def test_a_session_that_is_held_ends_after_what_stands_on_it(store: Store) -> None:
    store.sessions.add(session())
    with ThreadPoolExecutor(1) as pool:
        with store.database.write():
            assert store.sessions.hold(id_hash("one"))
            ending = pool.submit(store.sessions.end, id_hash("one"))
            wait_for_somebody_who_waits(store.database)
            assert not ending.done()
            assert store.sessions.hold(id_hash("one"))
        assert ending.result()
    assert not store.sessions.hold(id_hash("one"))
