"""The part of the contract that says whose a user name is."""

from issuer.store import Store, UidClaim
from tests.store.samples import NOW, at_once

LDAP = UidClaim("dwho", "ldap", "u1")
OIDC = UidClaim("dwho", "oidc", "s1")


def take(store: Store, wish: UidClaim, same: tuple[str, ...] = (), now: float = NOW) -> UidClaim | None:
    return store.claims.claim("dwho", wish, {wish.backend, *same}, now)


class ClaimsContract:
    def test_the_first_has_the_name(self, store: Store) -> None:
        assert take(store, LDAP) is None
        assert take(store, LDAP) is None
        assert take(store, OIDC) == LDAP
        assert take(store, UidClaim("dwho", "ldap", "u2")) == LDAP
        assert store.claims.claim("other", OIDC, {"oidc"}, NOW) is None

    def test_backends_with_the_same_people_share_names(self, store: Store) -> None:
        assert take(store, LDAP) is None
        assert take(store, OIDC, ("ldap",), NOW + 1) is None
        assert take(store, UidClaim("dwho", "oidc", "s2"), ("ldap",)) == OIDC
        assert take(store, OIDC, now=NOW + 2) == LDAP
        assert take(store, LDAP, now=NOW + 2) is None
        assert store.claims.of("dwho", {"oidc", "ldap", "other"}) == [LDAP, OIDC]
        assert store.claims.of("dwho", {"oidc"}) == [OIDC]
        assert store.claims.of("other", {"oidc"}) == []

    def test_a_name_moves_only_from_whoever_has_it(self, store: Store) -> None:
        take(store, LDAP)
        new = UidClaim("Dwho", "ldap", "u2")
        assert store.claims.move("dwho", LDAP, new)
        assert not store.claims.move("dwho", LDAP, new)
        assert take(store, LDAP) == new

    def test_a_released_name_is_anybodys(self, store: Store) -> None:
        take(store, LDAP)
        assert store.claims.release("dwho") == 1
        assert store.claims.release("dwho") == 0
        assert take(store, OIDC) is None

    def test_any_text_is_a_name(self, store: Store) -> None:
        for key in ("\0", "\ud800", "x" * 100_000, ""):
            assert store.claims.claim(key, LDAP, {"ldap"}, NOW) is None

    def test_of_many_who_want_a_name_at_once_one_gets_it(self, store: Store) -> None:
        wishes = [UidClaim("dwho", f"b{number % 4}", f"s{number}") for number in range(16)]
        results = at_once(16, lambda number: take(store, wishes[number]))
        assert results.count(None) == 1
        assert {result for result in results if result} == {wishes[results.index(None)]}
