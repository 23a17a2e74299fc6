"""What we write into addresses ourselves: whoever sits at the browser can write it too, and wins nothing."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.hostile import names_in_source
from tests.modules.oidc.conftest import MakeProvider
from tests.modules.oidc.provider import Provider, claims_of
from tests.modules.oidc.test_par import pushed, url
from tests.modules.oidc.test_prompts import identity, sent_to_sign_in, sign_in

OURS = {
    "asked_at": ("0", "9999999999", "9999999999.000", "nan", "inf", "1", "\u0661", "x" * 200),
    "since": ("0", "0.0", "1", "999999999999", "-1", "nan", "\u0661"),
    "level": ("0", "1", "100", "999", "-1", "\u0661"),
    "tried": ("", "0", "1", "2"),
    "page": ("", "1"),
    "silent": ("0", "1"),
    "next": ("/", "//evil.example/", "/oidc/authorize", "/login?level=0", "https://evil.example/"),
}
Pairs = list[tuple[str, str]]


def changed(address: str, other: str) -> Iterator[str]:
    """Every parameter of ours in an address changed, removed, doubled, and taken from another one."""
    path, pairs = _parts(address)
    theirs = dict(_parts(other)[1])
    for name, values in OURS.items():
        rest = [pair for pair in pairs if pair[0] != name]
        yield _joined(path, rest)
        for value in values:
            yield _joined(path, [*rest, (name, value)])
            yield _joined(path, [*pairs, (name, value)])
            yield _joined(path, [(name, value), *pairs])
        if name in theirs:
            yield _joined(path, [*rest, (name, theirs[name])])
    for name, value in pairs:
        if name in {"asked_at", "next"}:
            yield from (
                _joined(path, _with(pairs, name, cut)) for cut in (value[:-1], value + "A", value.swapcase())
            )
    if path == "/login":
        wanted = dict(pairs)["next"]
        yield from (_joined(path, _with(pairs, "next", inner)) for inner in changed(wanted, theirs["next"]))


def _parts(address: str) -> tuple[str, Pairs]:
    parts = urlsplit(address)
    return parts.path, parse_qsl(parts.query, keep_blank_values=True)


def _joined(path: str, pairs: Pairs) -> str:
    return f"{path}?{urlencode(pairs)}"


def _with(pairs: Pairs, name: str, value: str) -> Pairs:
    return [(known, value if known == name else old) for known, old in pairs]


def code_of(browser: FlaskClient, address: str) -> str | None:
    """The code that a client gets when a browser goes there and follows, but signs in nowhere."""
    for _ in range(6):
        answer = browser.get(address)
        if answer.status_code != 303:
            return None
        address = str(answer.location)
        if not address.startswith("/"):
            return dict(parse_qsl(urlsplit(address).query)).get("code")
    return None


def requests(provider: Provider) -> dict[str, str]:
    """Requests of a client that no session of more than a minute meets."""
    return {
        "prompt": provider.url(prompt="login"),
        "select": provider.url(prompt="select_account"),
        "max_age": provider.url(max_age="30"),
        "pushed": url(pushed(provider, prompt="login")),
        "pushed max_age": url(pushed(provider, max_age="30")),
    }


@pytest.mark.parametrize("kind", ["prompt", "select", "max_age", "pushed", "pushed max_age"])
def test_no_parameter_of_ours_spares_a_sign_in(provider: Provider, kind: str) -> None:
    """`asked_at` and every other parameter of our own in an address, changed, removed, doubled, taken from another sign-in: the requirement of the client holds."""  # noqa: E501
    browser = provider.gateway.client()
    before = browser.get(provider.url(state="another"))  # a sign-in that was asked for before this session
    other = sent_to_sign_in(before)["next"]
    provider.gateway.send_form(browser, "dwho", "/")
    assert code_of(browser, provider.url())
    provider.gateway.clock.advance(61)
    sent = sent_to_sign_in(browser.get(requests(provider)[kind]))
    elsewhere = f"/login?{urlencode({'since': '1', 'next': other})}"
    for address in changed(f"/login?{urlencode(sent)}", elsewhere):
        assert code_of(browser, address) is None, address
    for address in changed(sent["next"], other):
        assert code_of(browser, address) is None, address
    provider.gateway.clock.advance(1)
    told = provider.told(sign_in(provider, browser, "dwho", sent))
    assert "code" in told


def test_every_parameter_of_ours_is_tried() -> None:
    """What pages ask for is tried above, or is no parameter that we write: what people and clients send."""
    asked = names_in_source("/issuer/authentication/", "/issuer/portal/", "/issuer/web/")
    theirs = {"code", "login", "login_hint", "password", "recovery", "ui_locales"}
    assert {name for name in asked if name.isidentifier() and name.islower()} == theirs | OURS.keys() - {
        "asked_at"
    }


def test_a_level_is_judged_where_it_counts(make_provider: MakeProvider) -> None:
    """`asked_at` and every other parameter of our own in an address, changed, removed, doubled, taken from another sign-in: the requirement of the client holds."""  # noqa: E501
    provider = make_provider(acr_values={"urn:strong": 3, "urn:plain": 1})
    browser = provider.gateway.sign_in_as(identity(provider, "dwho"))
    essential = '{"id_token": {"acr": {"essential": true, "values": ["urn:strong"]}}}'
    wanted = provider.url(claims=essential)
    for address in changed(
        f"/login?{urlencode({'level': '3', 'next': wanted})}",
        f"/login?{urlencode({'level': '1', 'next': provider.url()})}",
    ):
        code = code_of(browser, address)
        if code and "claims=" in address:
            claims: dict[str, Any] = claims_of(provider.exchange(code).get_json()["id_token"])
            raise AssertionError(f"{address} gave a code: {claims['acr']}")


def test_a_time_of_another_request_counts_for_none(provider: Provider) -> None:
    """`asked_at` and every other parameter of our own in an address, changed, removed, doubled, taken from another sign-in: the requirement of the client holds."""  # noqa: E501
    browser = provider.gateway.client()
    early = sent_to_sign_in(browser.get(provider.url(state="early", prompt="login")))["next"]
    stolen = dict(parse_qsl(urlsplit(early).query))["asked_at"]
    provider.gateway.clock.advance(1)
    provider.gateway.send_form(browser, "dwho", "/")
    provider.gateway.clock.advance(1)
    for later in (
        provider.url(prompt="login", asked_at=stolen),
        provider.url("app", prompt="login", state="early", asked_at=stolen),
        f"{url(pushed(provider, prompt='login'))}&asked_at={stolen}",
    ):
        assert sent_to_sign_in(browser.get(later))["next"]
    assert code_of(browser, early)  # the request that it was asked for: somebody signed in since


def test_a_time_gives_one_code(provider: Provider) -> None:
    browser = provider.gateway.sign_in("dwho")
    provider.gateway.clock.advance(60)
    sent = sent_to_sign_in(browser.get(provider.url(prompt="login")))
    assert "code" in provider.told(sign_in(provider, browser, "dwho", sent))
    provider.gateway.clock.advance(1)
    again = sent_to_sign_in(browser.get(sent["next"]))
    assert again["next"] != sent["next"]
    provider.gateway.clock.advance(1)
    assert "code" in provider.told(sign_in(provider, browser, "dwho", again))


def test_it_ends_after_half_an_hour(provider: Provider) -> None:
    browser = provider.gateway.client()
    early = sent_to_sign_in(browser.get(provider.url(prompt="login")))["next"]
    provider.gateway.clock.advance(1801)
    provider.gateway.send_form(browser, "dwho", "/")
    assert sent_to_sign_in(browser.get(early))["next"] != early
