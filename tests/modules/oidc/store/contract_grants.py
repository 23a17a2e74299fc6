"""The part of the contract about grants, with their codes and refresh tokens."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from issuer.store import DuplicateError, OutdatedError, Redemption, SpentError, Store
from modules.oidc.store.clients import StoredClients
from modules.oidc.store.consents import Consents
from modules.oidc.store.grants import Details, Footing, Grants, RefreshToken
from tests.fakes import FakeClock
from tests.faults.locks import wait_for_somebody_who_waits
from tests.modules.oidc.store.samples import add_refresh_token, consent, grant
from tests.store.samples import NOW, at_once, id_hash, identity, session

CODE, FIRST, SECOND = id_hash("code"), id_hash("first"), id_hash("second")
END = NOW + 500


class GrantsFixture:
    @pytest.fixture
    def grants(self, store: Store, clock: FakeClock) -> Grants:
        self.database = store
        return Grants(store.database, clock)

    def add_with_token(self, grants: Grants, token_hash: bytes, end: float = END) -> RefreshToken:
        """Add a grant with a refresh token; return that."""
        grants.add(grant())
        add_refresh_token(self.database, "grant-one", token_hash, end)
        found = grants.refresh_token(token_hash)
        assert found
        return found

    def spend_code(self, grants: Grants, following: bytes) -> bool:
        """Use the code of the sample, for a refresh token."""
        return self._made(grants.code_spent(CODE, RefreshToken(following, grant(), END, None)))

    def spend_token(self, grants: Grants, token: RefreshToken, following: bytes) -> bool:
        """Use a refresh token, for the next one."""
        return self._made(grants.token_spent(token.hash, replace(token, hash=following), 0.0))

    def _made(self, change: Redemption) -> bool:
        try:
            self.database.issuances.record(change=change)
        except SpentError:
            return False
        return True


class GrantsContract(GrantsFixture):
    def test_a_grant_comes_back_as_it_went_in(self, grants: Grants) -> None:
        small = grant("small", details=Details(), session=None, code_expires_at=None)
        grants.add(grant(), CODE)
        grants.add(small)
        assert grants.by_code(CODE) == grants.find("grant-one") == grants.get("grant-one") == grant()
        assert grants.get("grant-small") == small

    def test_absent_is_none(self, grants: Grants) -> None:
        assert grants.by_code(CODE) is None
        assert grants.find("grant-one") is None
        assert grants.get("grant-one") is None
        assert grants.refresh_token(FIRST) is None
        assert not grants.revoke("grant-one")

    def test_a_grant_that_has_ended_is_found_but_does_not_hold(
        self, grants: Grants, clock: FakeClock
    ) -> None:
        grants.add(grant())
        grants.add(grant("two"))
        assert grants.revoke("grant-one")
        assert not grants.revoke("grant-one")
        assert grants.get("grant-one") is None
        assert grants.find("grant-one") == grant(revoked_at=NOW)
        clock.advance(999.9)
        assert grants.get("grant-two")
        clock.advance(0.1)
        assert grants.get("grant-two") is None
        assert grants.find("grant-two") == grant("two")

    def test_two_grants_never_share_an_id_or_a_code(self, grants: Grants) -> None:
        grants.add(grant(), CODE)
        for other, code in ((grant(), id_hash("another")), (grant("two"), CODE)):
            with pytest.raises(DuplicateError):
                grants.add(other, code)
        assert grants.find("grant-two") is None
        assert grants.by_code(CODE) == grant()

    def test_a_repr_shows_no_session(self, grants: Grants) -> None:
        self.add_with_token(grants, FIRST)
        shown = f"{grants.refresh_token(FIRST)!r} {grants.get('grant-one')!r}"
        assert not any(repr(hashed) in shown for hashed in (id_hash("session"), FIRST))

    def test_the_grants_of_a_client_end_together(self, grants: Grants) -> None:
        others = {"client": {"client_id": "mail"}, "instance": {"instance": "second"}}
        for name, values in {"one": {}, "two": {}, **others}.items():
            grants.add(grant(name, **values))
        grants.add(grant("other", "rtyler"))
        assert grants.revoke_of_client("oidc", "wiki", identity()) == 2
        assert grants.revoke_of_client("oidc", "wiki", identity()) == 0
        assert [name for name in (*others, "other") if grants.get(f"grant-{name}") is None] == []
        assert grants.revoke_of_client("oidc", "wiki") == 1
        assert grants.get("grant-other") is None

    @pytest.mark.parametrize("name", ["\0", "\ud800", "x" * 10_000])
    def test_whatever_client_is_named_it_has_no_grant(self, grants: Grants, name: str) -> None:
        grants.add(grant())
        assert grants.revoke_of_client("oidc", name, identity()) == 0
        assert grants.get("grant-one")

    def test_the_grants_of_a_session_are_found_and_go_on_with_the_next(self, grants: Grants) -> None:
        grants.add(grant())
        grants.add(grant("revoked"))
        grants.add(grant("second", instance="second"))
        grants.add(grant("other", session=id_hash("other")))
        grants.revoke("grant-revoked")
        assert grants.of_session("oidc", id_hash("session")) == [grant()]
        grants.move([id_hash("session")], id_hash("next"))
        assert grants.of_session("oidc", id_hash("session")) == []
        assert grants.of_session("oidc", id_hash("next")) == [grant(session=id_hash("next"))]

    def test_a_grant_stands_on_a_session_a_consent_and_a_client(
        self, grants: Grants, clock: FakeClock
    ) -> None:
        store = self.database
        consents = Consents(store.database, clock, "oidc")
        clients = StoredClients(store.database, clock, "oidc")
        given, who = consent(), grant().identity
        everything = Footing(id_hash("a session"), given, is_stored=True)
        ends: list[Callable[[], object]] = [
            lambda: store.sessions.end(id_hash("a session")),
            lambda: consents.withdraw(who, "wiki"),
            lambda: clients.remove("wiki"),
        ]
        for number, end in enumerate(ends):
            store.sessions.end(id_hash("a session"))
            store.sessions.add(session("a session"))
            given = consents.give(who, given)
            clients.remove("wiki")
            clients.add("wiki", "{}", None)
            grants.add(grant(f"{number}"), id_hash(f"code {number}"), everything)
            assert grants.get(f"grant-{number}") == grant(f"{number}")
            end()
            with pytest.raises(OutdatedError):
                grants.add(grant("late"), CODE, everything)
            assert grants.find("grant-late") is None

    def test_the_grants_of_sessions_end_but_those_that_outlive_them(self, grants: Grants) -> None:
        offline = grant("offline", scope=("openid", "offline_access"))
        for added in (grant(), offline, grant("other", session=id_hash("other"))):
            grants.add(added)
        ended = grants.end_with_sessions("oidc", [id_hash("session")], "offline_access")
        assert sorted(found.id for found in ended) == ["grant-offline", "grant-one"]
        assert grants.get("grant-one") is None
        assert grants.get("grant-offline") == offline
        assert grants.get("grant-other")


class CodesContract(GrantsFixture):
    def test_a_code_counts_once_and_gives_one_refresh_token(self, grants: Grants, clock: FakeClock) -> None:
        grants.add(grant(), CODE)
        clock.advance(1)
        assert self.spend_code(grants, FIRST)
        assert not self.spend_code(grants, SECOND)
        used = grant(code_used_at=NOW + 1)
        assert grants.by_code(CODE) == used
        assert grants.refresh_token(SECOND) is None
        found = grants.refresh_token(FIRST)
        assert found
        assert (found.grant, found.expires_at, found.used_at) == (used, END, None)

    def test_the_code_of_a_grant_that_was_revoked_is_of_no_use(self, grants: Grants) -> None:
        grants.add(grant(), CODE)
        grants.revoke("grant-one")
        assert not self.spend_code(grants, FIRST)
        assert grants.refresh_token(FIRST) is None

    def test_of_many_who_use_a_code_at_once_one_wins(self, grants: Grants) -> None:
        grants.add(grant(), CODE)
        hashes = [id_hash(f"token {number}") for number in range(12)]
        won = at_once(12, lambda number: self.spend_code(grants, hashes[number]))
        assert sorted(map(bool, won)) == [False] * 11 + [True]
        assert all(isinstance(result, bool) for result in won)
        assert [bool(grants.refresh_token(hashed)) for hashed in hashes] == won

    def test_a_batch_of_codes_and_the_end_of_a_client_do_not_wait_for_each_other(
        self, grants: Grants
    ) -> None:
        """Both lock the grants in one order: that of their codes, whatever order they were made in."""
        hashes = sorted(id_hash(f"{number}") for number in range(4))
        for number, code_hash in enumerate(reversed(hashes)):
            grants.add(grant(f"{number}"), code_hash)
        database = self.database.database

        def use(code_hash: bytes) -> bool:
            change = grants.code_spent(code_hash, None)
            return change.make(connection.connection.cursor())

        with ThreadPoolExecutor(1) as pool:
            with database.write() as connection:
                assert use(hashes[0])
                ending = pool.submit(grants.revoke_of_client, "oidc", "wiki")
                wait_for_somebody_who_waits(database)
                assert use(hashes[-1])
            assert ending.result() == 4


class RefreshTokensContract(GrantsFixture):
    def test_a_refresh_token_comes_back_as_it_went_in(self, grants: Grants) -> None:
        assert self.add_with_token(grants, FIRST) == RefreshToken(FIRST, grant(), END, None)

    def test_a_refresh_token_counts_once(self, grants: Grants, clock: FakeClock) -> None:
        token = self.add_with_token(grants, FIRST)
        clock.advance(1)
        assert self.spend_token(grants, token, SECOND)
        assert not self.spend_token(grants, token, id_hash("third"))
        assert grants.refresh_token(FIRST) == replace(token, used_at=NOW + 1)
        assert grants.refresh_token(SECOND) == replace(token, hash=SECOND)
        assert grants.refresh_token(id_hash("third")) is None

    def test_of_many_who_use_a_refresh_token_at_once_one_wins(self, grants: Grants) -> None:
        token = self.add_with_token(grants, FIRST)
        hashes = [id_hash(f"token {number}") for number in range(12)]
        won = at_once(12, lambda number: self.spend_token(grants, token, hashes[number]))
        assert sorted(map(bool, won)) == [False] * 11 + [True]
        assert [bool(grants.refresh_token(hashed)) for hashed in hashes] == won

    def test_who_is_revoked_is_seen_with_the_token(self, grants: Grants) -> None:
        token = self.add_with_token(grants, FIRST)
        grants.revoke("grant-one")
        assert not self.spend_token(grants, token, SECOND)
        assert grants.refresh_token(SECOND) is None
        found = grants.refresh_token(FIRST)
        assert found
        assert found.grant.revoked_at == NOW
