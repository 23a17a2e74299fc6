"""The part of the contract about clients: those that were added, and what they lay down, use up and hear."""

import json

import pytest

from issuer.store import DuplicateError, Store
from modules.oidc.store.clients import StoredClient, StoredClients
from modules.oidc.store.logouts import LogoutMessage, Logouts
from modules.oidc.store.once import Once, RevokedTokens
from modules.oidc.store.pushed import Pushed, PushedRequests
from tests.fakes import FakeClock
from tests.modules.oidc.store.samples import ODD
from tests.store.samples import NOW, at_once, id_hash

SETTINGS = json.dumps({"name": "Nötes", "redirect_uris": ["https://notes.example.com/"]})
URI = id_hash("request_uri")


class ClientsContract:
    @pytest.fixture
    def clients(self, store: Store, clock: FakeClock) -> StoredClients:
        return StoredClients(store.database, clock, "oidc")

    def test_a_client_comes_back_as_it_went_in(self, clients: StoredClients, clock: FakeClock) -> None:
        clients.add("notes", SETTINGS, id_hash("secret"))
        clock.advance(1)
        clients.add("app", "{}", None)
        notes = StoredClient("notes", SETTINGS, id_hash("secret"), NOW, NOW)
        app = StoredClient("app", "{}", None, NOW + 1, NOW + 1)
        assert (clients.get("notes"), clients.get("app")) == (notes, app)
        assert clients.all() == [app, notes]
        assert repr(notes.secret_hash) not in repr(notes)

    def test_a_client_is_of_an_instance(self, clients: StoredClients, store: Store, clock: FakeClock) -> None:
        clients.add("notes", SETTINGS, None)
        second = StoredClients(store.database, clock, "second")
        assert second.get("notes") is None
        assert second.all() == []
        second.add("notes", "{}", None)
        assert not second.remove("app")
        assert second.remove("notes")
        assert clients.get("notes")

    @pytest.mark.parametrize("typed", [*ODD, "", "NOTES", "notes "])
    def test_whatever_is_typed_is_no_client(self, clients: StoredClients, typed: str) -> None:
        clients.add("notes", SETTINGS, None)
        assert clients.get(typed) is None
        assert not clients.set_secret(typed, id_hash("secret"))
        assert not clients.remove(typed)

    def test_another_secret_takes_the_place_of_the_first(
        self, clients: StoredClients, clock: FakeClock
    ) -> None:
        clients.add("notes", SETTINGS, id_hash("secret"))
        clock.advance(5)
        assert clients.set_secret("notes", id_hash("another"))
        assert clients.get("notes") == StoredClient("notes", SETTINGS, id_hash("another"), NOW, NOW + 5)

    def test_of_clients_added_at_once_with_one_id_one_is_added(self, clients: StoredClients) -> None:
        results = at_once(8, lambda number: clients.add("notes", SETTINGS, id_hash(f"secret {number}")))
        assert [type(result) for result in results if result] == [DuplicateError] * 7
        assert len(clients.all()) == 1

    def test_remove_tells_whether_there_was_one(self, clients: StoredClients) -> None:
        clients.add("notes", SETTINGS, None)
        assert clients.remove("notes")
        assert not clients.remove("notes")
        assert clients.get("notes") is None


class PushedContract:
    @pytest.fixture
    def pushed(self, store: Store, clock: FakeClock) -> PushedRequests:
        return PushedRequests(store.database, clock)

    def test_a_request_comes_back_as_it_went_in(self, pushed: PushedRequests, clock: FakeClock) -> None:
        sent = Pushed("wiki", [*(("state", text) for text in ODD), ("resource", "a"), ("resource", "b")])
        assert pushed.get(URI) is None
        pushed.add(URI, sent, NOW + 10)
        assert pushed.get(URI) == sent
        clock.advance(10)
        assert pushed.get(URI) is None

    def test_of_many_who_take_it_at_once_one_does(self, pushed: PushedRequests) -> None:
        pushed.add(URI, Pushed("wiki", []), NOW + 10)
        won = at_once(12, lambda _: pushed.take(URI))
        assert sorted(map(bool, won)) == [False] * 11 + [True]
        assert pushed.get(URI) is None


class OnceContract:
    @pytest.fixture
    def once(self, store: Store) -> Once:
        return Once(store.database)

    @pytest.fixture
    def revoked(self, store: Store) -> RevokedTokens:
        return RevokedTokens(store.database)

    @pytest.mark.parametrize("text", ["one", "", *ODD])
    def test_a_text_counts_once(self, once: Once, text: str) -> None:
        assert once.use(text, NOW + 10)
        assert not once.use(text, NOW + 20)
        assert once.use(f"{text}x", NOW + 10)

    def test_of_many_who_use_it_at_once_one_wins(self, once: Once) -> None:
        won = at_once(12, lambda _: once.use("assertion", NOW + 10))
        assert sorted(map(bool, won)) == [False] * 11 + [True]

    def test_a_token_that_was_revoked_stays_so(self, revoked: RevokedTokens) -> None:
        assert not revoked.has("one")
        assert at_once(8, lambda _: revoked.add("one", NOW + 10)) == [None] * 8
        assert revoked.has("one")
        assert not revoked.has("two")


class LogoutsContract:
    @pytest.fixture
    def logouts(self, store: Store, clock: FakeClock) -> Logouts:
        return Logouts(store.database, clock, "oidc")

    def test_messages_are_due_in_order_and_for_an_instance(
        self, logouts: Logouts, store: Store, clock: FakeClock
    ) -> None:
        for number in range(3):
            logouts.add(f"l{number}", f"grant-{number}", NOW + 500)
            clock.advance(1)
        Logouts(store.database, clock, "second").add("l9", "grant-9", NOW + 500)
        expected = [LogoutMessage(f"l{number}", f"grant-{number}", 0, NOW + number) for number in range(3)]
        assert logouts.due() == expected
        assert logouts.due(limit=2) == expected[:2]

    def test_one_that_is_taken_is_due_again_later(self, logouts: Logouts, clock: FakeClock) -> None:
        logouts.add("l1", "grant-one", NOW + 500)
        (message,) = logouts.due()
        assert logouts.claim(message, 30)
        assert logouts.due() == []
        assert not logouts.claim(message, 30)
        clock.advance(30)
        (again,) = logouts.due()
        assert again == LogoutMessage("l1", "grant-one", 1, NOW + 30)
        logouts.done(again)
        assert logouts.due() == []

    def test_of_many_who_take_one_at_once_one_does(self, logouts: Logouts) -> None:
        logouts.add("l1", "grant-one", NOW + 500)
        (message,) = logouts.due()
        won = at_once(12, lambda _: logouts.claim(message, 30))
        assert sorted(map(bool, won)) == [False] * 11 + [True]
