"""A session that is too weak for a rule is asked for more, once."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.authentication.flow import LoginFlow, LoginRequirements, Step, safe_return_to
from tests.authentication.backends import People, people
from tests.authentication.trips import WANTED, build, button, come_back, leave, offered, post

__all__ = ["build", "people"]

RULE = 'authLevel >= 3 || (uid == "rtyler" && authLevel >= 2)'


def test_a_session_that_is_too_weak_is_asked_for_more(build: Any, people: dict[str, People]) -> None:
    gateway = build(rule=RULE)
    client = gateway.client()
    assert post(client, "dwho", WANTED).location == WANTED
    answer = client.get(WANTED)
    assert answer.status_code == 303
    page = client.get(answer.location)
    assert page.status_code == 200
    assert "stronger way to sign in" in page.text
    assert "Jitsi Meet" in page.text
    assert offered(page.text) == {"card"}
    assert 'name="password"' not in page.text
    gone = leave(client.get(button(page.text, "card")))
    assert gone["level"] == "3"
    answer = come_back(client, "card", subject="s1", wanted=gone["wanted"])
    answer = client.get(answer.location)
    assert (answer.status_code, answer.location) == (303, WANTED)
    assert client.get(WANTED).location.startswith("https://meet.example.com/")
    (session,) = gateway.parts.store.sessions.all()
    assert session.identity.auth_level == 3


def test_the_least_level_is_asked_for(build: Any) -> None:
    gateway = build(rule=RULE)
    client = gateway.client()
    post(client, "rtyler", WANTED)
    page = client.get(client.get(WANTED).location)
    assert offered(page.text) == {"sso", "card"}


ALLOWED = {
    '["ldap", "card"]': {"card"},
    'service == "jitsi" && module == "jitsi" ? ["ldap", "sso", "card"] : ["sso"]': {"sso", "card"},
    'isInNet("192.0.2.0/24") ? ["card", "local", "ldap"] : ["sso", "ldap"]': {"sso"},
}


@pytest.mark.parametrize("choice", ALLOWED)
def test_more_is_asked_for_by_the_ways_that_the_choice_allows(build: Any, choice: str) -> None:
    """Those that are strong enough; a single one is gone to without a page, as ever."""
    gateway = build(rule="authLevel >= 2", sign_in={"choice": choice})
    client = gateway.client()
    post(client, "dwho", WANTED, address="127.0.0.1")
    answer = client.get(WANTED)
    if len(ALLOWED[choice]) == 1:
        assert {leave(answer)["name"]} == ALLOWED[choice]
        wish = {"level": "2", "next": WANTED, "page": "1"}
        answer = client.get("/login", query_string=wish)
    else:
        answer = client.get(answer.location)
    assert offered(answer.text) == ALLOWED[choice]
    assert 'name="password"' not in answer.text
    for name in ALLOWED[choice]:
        gone = leave(client.get(button(answer.text, name)))
        back = come_back(client, name, subject="s1", wanted=gone["wanted"])
        assert client.get(back.location).location == WANTED
        assert client.get(WANTED).location.startswith("https://meet.example.com/")


@pytest.mark.parametrize("choice", ['["ldap", "local"]', 'service == "jitsi" ? "ldap" : ["ldap", "card"]'])
def test_a_choice_without_a_stronger_way_says_that_one_is_needed(build: Any, choice: str) -> None:
    gateway = build(rule="authLevel >= 3", sign_in={"choice": choice})
    client = gateway.client()
    post(client, "dwho", WANTED)
    page = client.get(client.get(WANTED).location)
    assert (page.status_code, "this needs a stronger way to sign in" in page.text) == (403, True)
    assert client.get("/sessions").status_code == 200
    assert client.get(f"/login/card?{urlencode({'next': client.get(WANTED).location})}").status_code == 403


def test_step_up_never_loops(build: Any, people: dict[str, People]) -> None:
    """A sign-in that is weaker than it should be is told so, with a default without a page too."""
    gateway = build(rule="authLevel >= 3", sign_in={"default": "card"})
    client = gateway.client()
    post(client, "dwho", WANTED)
    people["card"].known["s1"]["claims"] = {"level": 2}
    gone = leave(client.get(WANTED))
    assert (gone["name"], gone["level"]) == ("card", "3")
    answer = come_back(client, "card", subject="s1", wanted=gone["wanted"])
    answer = client.get(answer.location)
    assert (answer.status_code, "needs a stronger way" in answer.text) == (403, True)
    people["card"].known["s1"]["claims"] = {"level": 3}
    come_back(client, "card", subject="s1", wanted=gone["wanted"])
    assert client.get(gone["wanted"]).location == WANTED
    assert client.get(WANTED).location.startswith("https://meet.example.com/")


@pytest.mark.parametrize(
    "rule", ["deny", "authLevel >= 4", 'inGroup("x") && authLevel >= 3', "authLevel < 1"]
)
def test_a_rule_that_no_level_would_satisfy_is_a_no(build: Any, rule: str) -> None:
    gateway = build(rule=rule)
    client = gateway.client()
    post(client, "dwho")
    assert client.get(WANTED).status_code == 403


def test_a_level_in_an_address_is_nobodys_way_out(build: Any) -> None:
    """Strangers' levels: any text is no level, and a level that nobody gives is a page."""
    gateway = build()
    client = gateway.client()
    for level in ("x", "-1", "1e3", "9999", "\N{ARABIC-INDIC DIGIT THREE}", ""):
        answer = client.get("/login", query_string={"level": level, "next": "//evil.example"})
        assert answer.status_code == 200
    assert client.get("/login?level=99").status_code == 403
    post(client, "dwho")
    assert client.get("/login?level=1&next=//evil.example").location == "/"
    assert client.get("/login?level=3&tried=1&next=/").status_code == 403


def test_a_new_sign_in_is_new_elsewhere_too(build: Any) -> None:
    """Whoever is signed in at the other server does not come back without having signed in there anew."""
    gateway = build(sign_in={"default": "sso"})
    client = gateway.client()
    come_back(client, "sso", subject="s1")
    since = gateway.clock.now() + 10
    address = f"/login?since={since}&next=/sessions"
    gone = leave(client.get(address))
    assert float(gone["since"]) == since
    assert leave(client.get(button(client.get(f"{address}&page=1").text, "card")))["since"] == gone["since"]
    gateway.clock.advance(10)
    answer = come_back(client, "sso", subject="s1", wanted=gone["wanted"], auth_time=since)
    assert client.get(answer.location).location == "/sessions"


@pytest.mark.parametrize("before", [{}, {"auth_time": 1.0}], ids=["nobody says when", "long ago"])
def test_a_sign_in_elsewhere_from_before_is_not_new(build: Any, before: dict[str, float]) -> None:
    """However new our own session is; and it goes round once, not for ever."""
    gateway = build(sign_in={"default": "sso"})
    client = gateway.client()
    gone = leave(client.get(f"/login?since={gateway.clock.now()}&next=/sessions"))
    back = come_back(client, "sso", subject="s1", wanted=gone["wanted"], **before)
    answer = client.get(back.location)
    assert (answer.status_code, "You must sign in anew" in answer.text) == (403, True)
    assert client.get("/sessions").status_code == 200
    come_back(client, "sso", subject="s1", wanted=gone["wanted"], auth_time=gateway.clock.now())
    assert client.get(back.location).location == "/sessions"


PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126))


REQUIREMENTS = st.builds(LoginRequirements, st.integers(0, 999), st.integers(0, 10**11).map(float))


@given(st.builds(LoginFlow, PRINTABLE.map("/x".__add__), REQUIREMENTS))
def test_a_goal_says_again_which_flow_it_was_made_of(flow: LoginFlow) -> None:
    """So does the address of the sign-in page."""
    clean = LoginFlow(safe_return_to(flow.return_to), flow.requirements)
    assert LoginFlow.leading_to(flow.next_address) == clean
    query = dict(parse_qsl(urlsplit(flow.address).query, keep_blank_values=True))
    assert LoginFlow.read(query) == clean


@given(st.text() | st.text().map("/login?level=3&next=".__add__) | st.text().map("/login?level=".__add__))
def test_no_goal_of_a_stranger_leads_away(goal: str) -> None:
    flow = LoginFlow.leading_to(goal)
    assert safe_return_to(flow.return_to) == flow.return_to
    assert safe_return_to(flow.next_address) == flow.next_address
    assert 0 <= flow.requirements.level <= 999


@given(st.dictionaries(st.sampled_from(["next", "level", "since"]), st.text()))
def test_no_address_of_a_stranger_is_no_flow(query: dict[str, str]) -> None:
    flow = LoginFlow.read(query)
    assert flow.step is Step.FIRST_FACTOR
    assert safe_return_to(flow.return_to) == flow.return_to
    assert 0 <= flow.requirements.since < 10**12
