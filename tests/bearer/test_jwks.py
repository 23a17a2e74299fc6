"""Which keys of a JWK Set can verify what."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from issuer.bearer import ALGORITHMS, JwkSet
from tests.bearer.tokens import ec_key, ed_key, jwk, rsa_key

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
KEY = st.dictionaries(
    st.sampled_from(["kty", "n", "e", "crv", "x", "y", "kid", "alg", "use", "key_ops", "k", "d"]),
    st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "Ed25519", "AQAB", "sig", "", "é", "="]) | JSON,
)


def of(*keys: dict[str, Any]) -> JwkSet:
    return JwkSet.parse({"keys": [*keys]})


def test_only_asymmetric_algorithms_are_taken() -> None:
    assert ALGORITHMS.isdisjoint({"none", "HS256", "HS384", "HS512"})


def test_a_key_is_found_by_its_name_and_serves_its_own_algorithms() -> None:
    keys = of(jwk(rsa_key("a"), "r"), jwk(ec_key("a"), "e"), jwk(ed_key("a"), "o"))
    fitting = {
        (kid, alg)
        for kid in "reo"
        for alg in [*ALGORITHMS, "HS256", "none"]
        if keys.find(kid, alg) is not None
    }
    rsa_family = {("r", f"{family}{bits}") for family in ("RS", "PS") for bits in (256, 384, 512)}
    assert fitting == rsa_family | {("e", "ES256"), ("o", "EdDSA")}
    assert keys.find("x", "RS256") is None


def test_without_a_name_it_must_be_the_only_one() -> None:
    assert of(jwk(rsa_key("a")), jwk(ec_key("a"))).find(None, "RS256")
    assert of(jwk(rsa_key("a"), "x"), jwk(rsa_key("b"), "y")).find(None, "RS256") is None
    assert of(jwk(rsa_key("a"), "x"), jwk(rsa_key("b"), "x")).find("x", "RS256") is None


@pytest.mark.parametrize(
    "key",
    [
        jwk(rsa_key("a"), "x", use="enc"),
        jwk(rsa_key("a"), "x", key_ops=["encrypt"]),
        jwk(rsa_key("a"), "x", key_ops="verify"),
        jwk(rsa_key("a"), "x", alg="PS256"),
        jwk(rsa_key("short", 1024), "x"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "x"},
        {**jwk(rsa_key("a"), "x"), "n": 5},
        {**jwk(rsa_key("a"), "x"), "e": None},
    ],
)
def test_a_key_that_is_not_for_this_is_left_out(key: dict[str, Any]) -> None:
    keys = of(key, jwk(ec_key("a"), "other"))
    assert keys.find("x", "RS256") is None
    assert keys.find("other", "ES256")


def test_of_a_private_key_only_the_public_half_is_taken() -> None:
    private = {**jwk(rsa_key("a"), "x"), "d": "AQAB", "p": "AQAB"}
    assert of(private).find("x", "RS256") == rsa_key("a").public_key()


@given(JSON)
def test_any_json_is_a_set_or_none(data: Any) -> None:
    try:
        JwkSet.parse(data)
    except ValueError:
        return


@settings(max_examples=50)
@given(st.lists(KEY, max_size=3))
def test_strange_keys_are_left_out(keys: list[dict[str, Any]]) -> None:
    found = JwkSet.parse({"keys": [*keys, jwk(ec_key("a"), "mine")]})
    assert found.find("mine", "ES256")
