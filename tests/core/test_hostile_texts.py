"""The price of a request is bounded before it is paid: hostile texts in everything that strangers send."""

import re
import sys
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuer.authentication.throttling import account_key
from issuer.testing import LocalGateway
from issuer.web.sites import same_site
from tests.core.strangers import (
    COOKIES,
    FORM,
    JSON_BODIES,
    NO_FIELDS,
    STANDARD,
    Input,
    Sender,
    inputs,
    open_to_strangers,
    taken,
)
from tests.hostile import UNITS, SpiedPattern, Spy, names_in_source

SHARDS = 4
FULL = UNITS[::2]
"""Texts that go into every input; the others are met in turn."""


@pytest.fixture(scope="module")
def spy() -> Iterator[Spy]:
    found = Spy()
    with pytest.MonkeyPatch.context() as patch, found.watching_new_threads():
        found.replace(patch.setattr)
        yield found


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, spy: Spy) -> Iterator[LocalGateway]:
    with pytest.MonkeyPatch.context() as patch:
        built = open_to_strangers(tmp_path_factory.mktemp("hostile"), patch)
        yield built
        built.close()


@pytest.fixture(autouse=True)
def nothing_found_yet(spy: Spy) -> None:
    spy.found.clear()


@pytest.fixture(scope="module")
def sender(gateway: LocalGateway, spy: Spy) -> Sender:
    return Sender(gateway, spy)


@pytest.fixture(scope="module")
def table(gateway: LocalGateway) -> list[Input]:
    return inputs(gateway)


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_hostile_texts_in_every_input_in_turn(
    sender: Sender, spy: Spy, table: list[Input], shard: int
) -> None:
    """The hostile-text table (at least 40 texts × every text input of every route): no function that
    normalises, hashes, matches, splits or builds a filter is given more than its bound.

    Here every input meets one text, and every text dozens of inputs; all of them meet below.
    """  # noqa: RUF002 - as the line has it
    for number, place in enumerate(taken(table)):
        if number % SHARDS == shard:
            sender.send(**place.request(UNITS[number % len(UNITS)]))
    assert spy.found == set()


@pytest.mark.exhaustive
@pytest.mark.parametrize("unit", FULL, ids=lambda unit: ascii(unit)[:20])
def test_hostile_texts_in_every_input(sender: Sender, spy: Spy, table: list[Input], unit: str) -> None:
    """The hostile-text table (at least 40 texts × every text input of every route): no function that
    normalises, hashes, matches, splits or builds a filter is given more than its bound.
    """  # noqa: RUF002 - as the line has it
    assert len(FULL) >= 40
    for place in taken(table):
        sender.send(**place.request(unit))
    assert spy.found == set()


@pytest.mark.real
def test_hostile_texts_with_other_methods(sender: Sender, spy: Spy, table: list[Input]) -> None:
    """The same with HEAD, OPTIONS, and a method that no route takes."""
    for number, place in enumerate(table):
        sender.send(**place.request(UNITS[number % len(UNITS)]))
    assert spy.found == set()


def test_the_table_has_every_route_and_field(gateway: LocalGateway, table: list[Input]) -> None:
    """Whoever adds a route, or asks for a field, need not add it here."""
    routes = {
        (method, rule.rule) for rule in gateway.app.url_map.iter_rules() for method in rule.methods or ()
    }
    assert {method for method, _ in routes} >= {"GET", "POST", "HEAD", "OPTIONS"}
    paths = {(place.method, place.path) for place in table}
    plain = {(method, path) for method, path in routes if "<" not in path}
    assert plain <= paths
    assert {path for path in routes - plain if path not in paths} == set()
    assert JSON_BODIES.keys() <= {path for _, path in plain}
    fields = {place.name for place in table if place.place in {"query", "form"}}
    pages = names_in_source("/issuer/portal/", "/issuer/authentication/", "/modules/oidc/endpoints/")
    assert {name for name in pages if name.islower() and name.isidentifier()} - NO_FIELDS <= fields
    assert {"login", "password", "next", "code", "user_code", "room", "state", "scope", "token"} <= fields
    for path in ("/login", "/oidc/token", "/oidc/authorize", "/hmac/login", "/livekit/token"):
        places = {place.place for place in table if place.path == path and place.method in {"GET", "POST"}}
        assert {"header", "cookie", "query", "beyond", "everything"} <= places


NASTY = st.binary(max_size=200).map(lambda found: found.decode("latin-1"))
"""Bytes of a header as WSGI has them; the engine lets neither line breaks nor NUL through."""
NAMES = st.sampled_from(STANDARD) | st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", min_size=1, max_size=20)
PATHS = st.sampled_from(
    ["/", "/login", "/healthz", "/nothing", "/hmac/login", "/oidc/userinfo", "/oidc/authorize"]
)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_headers_of_any_bytes(sender: Sender, caplog: pytest.LogCaptureFixture, data: st.DataObject) -> None:
    """A fuzz of every header name and cookie with arbitrary bytes: no 500, no traceback, no answer without
    the security headers.
    """
    caplog.clear()
    names = st.sampled_from(COOKIES) | NASTY
    cookies = data.draw(st.lists(st.tuples(names, NASTY), max_size=4))
    headers: dict[str, Any] = data.draw(
        st.dictionaries(NAMES.map(lambda name: f"HTTP_{name}"), NASTY, max_size=4)
    )
    headers["QUERY_STRING"] = data.draw(NASTY)
    if cookies:
        headers["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in cookies)
    sender.send(data.draw(st.sampled_from(["GET", "POST"])), data.draw(PATHS), **headers)
    assert not [record for record in caplog.records if record.exc_info]


def test_the_spy_sees(sender: Sender, spy: Spy, table: list[Input]) -> None:
    """What is watched is at work: names are normalised and hashed, filters are built, codes are matched."""
    body = urlencode({"login": "nobody", "password": "x"}).encode()
    sender.send("POST", "/login", body, FORM, REMOTE_ADDR="192.0.2.77")
    sender.send("GET", "/hmac/login", QUERY_STRING="room=%C3%A4")
    for what in (
        "normalize",
        "sha256",
        "escape_filter_chars",
        "escape_dn_chars",
        "parse_qsl",
        "parse_cookie",
    ):
        assert what in spy.seen, what


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_spy_finds(monkeypatch: pytest.MonkeyPatch, elsewhere: bool) -> None:
    """What is given more than its bound is found, on this thread and on others."""
    found = Spy()
    found.replace(monkeypatch.setattr)
    with found.watching(), found.watching_new_threads():
        if elsewhere:
            sys.setprofile(None)
            thread = threading.Thread(target=do_what_must_not_be, args=[found, "b"])
            thread.start()
            thread.join()
        else:
            do_what_must_not_be(found, "a")
    assert {what.rpartition(":")[2] for what, _ in found.found} == {
        "normal_login normalize",
        "normal_login strip",
        "normal_login casefold",
        "account_key sha256",
        "same_site -> urlsplit",
        "PATTERN fullmatch",
    }


def do_what_must_not_be(found: Spy, letter: str) -> None:
    long = letter * 40_000
    account_key(long)
    same_site(long, long)
    SpiedPattern(re.compile(".+"), found, "PATTERN").fullmatch(long)
