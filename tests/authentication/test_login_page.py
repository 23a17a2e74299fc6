"""Several ways to sign in at once: forms in order, buttons, a default, a choice, and step-up."""

from typing import Any
from urllib.parse import urlencode

import pytest

from issuer.settings.problems import ConfigError
from tests.authentication.backends import ELSEWHERE, People, people
from tests.authentication.trips import BACKENDS, OURS, WANTED, build, button, come_back, leave, offered, post
from tests.gateway import LocalGateway

__all__ = ["build", "people"]


def backend_of(gateway: LocalGateway) -> str:
    (session,) = gateway.parts.store.sessions.all()
    return session.identity.backend


def test_one_form_tries_the_backends_in_order(build: Any, people: dict[str, People]) -> None:
    gateway = build()
    assert post(gateway.client(), "dwho").status_code == 303
    assert backend_of(gateway) == "ldap"
    assert post(gateway.client(), "rtyler").status_code == 303
    assert {row.identity.backend for row in gateway.parts.store.sessions.all()} == {"ldap", "local"}
    assert post(gateway.client(), "nobody").status_code == 401
    assert people["ldap"].calls.count("authenticate") == 3


def test_an_unavailable_backend_is_never_a_wrong_no(build: Any, people: dict[str, People]) -> None:
    gateway = build()
    assert post(gateway.client(), "rtyler").status_code == 303
    people["ldap"].down = True
    for login in ("dwho", "nobody"):
        answer = post(gateway.client(), login)
        assert (answer.status_code, "busy" in answer.text) == (503, True)
    # Whoever the others know signs in, if the name is known to be theirs.
    assert post(gateway.client(), "rtyler").status_code == 303
    people["ldap"].down = False
    assert post(gateway.client(), "dwho").status_code == 303


def test_an_outage_of_one_backend_lets_nobody_guess_the_passwords_of_another(
    build: Any, people: dict[str, People]
) -> None:
    gateway = build()
    people["ldap"].down = True
    statuses = [post(gateway.client(), "rtyler", password=f"guess{n}").status_code for n in range(10)]
    assert set(statuses) == {503, 429}
    assert statuses[-1] == 429


def test_failures_while_every_backend_is_down_are_not_counted(build: Any, people: dict[str, People]) -> None:
    gateway = build({name: way for name, way in BACKENDS.items() if name != "local"})
    people["ldap"].down = True
    for _ in range(10):
        assert post(gateway.client(), "dwho").status_code == 503
    people["ldap"].down = False
    assert post(gateway.client(), "dwho").status_code == 303


def test_redirect_backends_are_buttons(build: Any) -> None:
    gateway = build()
    client = gateway.client()
    page = client.get(f"/login?{urlencode({'next': WANTED})}").text
    assert "Sign in with Example SSO" in page
    assert "Sign in with Card" in page
    assert 'name="password"' in page
    gone = leave(client.get(button(page, "sso")))
    assert gone == {"name": "sso", "wanted": WANTED, "silent": "False", "level": "None"}
    answer = come_back(client, "sso", subject="s1", wanted=gone["wanted"])
    assert (answer.status_code, answer.location) == (303, WANTED)
    assert backend_of(gateway) == "sso"
    assert ELSEWHERE in client.get("/logout").headers["Content-Security-Policy"]


def test_a_default_has_no_page_in_between(build: Any, people: dict[str, People]) -> None:
    """A redirect sign-in adds one round trip: the way back, then on to the service."""
    gateway = build(sign_in={"default": "sso"})
    client = gateway.client()
    assert leave(client.get(WANTED))["wanted"] == WANTED
    assert leave(client.get("/login"))["wanted"] == "/"
    assert 'name="password"' in client.get("/login?page=1").text
    assert come_back(client, "sso", subject="s1", wanted=WANTED).location == WANTED
    assert client.get(WANTED).location.startswith("https://meet.example.com/")
    people["sso"].down = True
    answer = gateway.client().get(WANTED)
    assert answer.status_code == 503
    assert "Example SSO does not answer right now" in answer.text
    assert 'name="password"' in answer.text


def test_a_default_that_alone_is_there_and_down_is_an_error(build: Any, people: dict[str, People]) -> None:
    gateway = build({"ldap": {"type": "directory"}, "sso": BACKENDS["sso"], "card": BACKENDS["card"]},
                    sign_in={"choice": '"sso"'})  # fmt: skip
    people["sso"].down = True
    answer = gateway.client().get(WANTED)
    assert (answer.status_code, 'name="password"' in answer.text) == (503, False)


def test_a_sign_out_leads_to_the_other_server(build: Any) -> None:
    gateway = build()
    client = gateway.client()
    come_back(client, "sso", subject="s1")
    answer = client.post("/logout", headers=OURS)
    assert answer.location == f"{ELSEWHERE}/sso/out"
    assert gateway.parts.store.sessions.all() == []


def test_a_sign_out_works_while_the_other_server_is_down(build: Any, people: dict[str, People]) -> None:
    gateway = build()
    client = gateway.client()
    come_back(client, "sso", subject="s1")
    people["sso"].down = True
    assert client.post("/logout", headers=OURS).location == "/logout"
    assert gateway.parts.store.sessions.all() == []


def test_the_other_server_ends_sessions_and_bounds_them(build: Any) -> None:
    gateway = build()
    client = gateway.client()
    end = gateway.clock.now() + 100
    come_back(client, "sso", subject="s1", sid="abc", end=end)
    (session,) = gateway.parts.store.sessions.all()
    assert (session.expires_at, session.idle_expires_at) == (end, end)
    assert gateway.client().post("/login/card/backchannel", data={"sid": "abc"}).text == "0"
    assert client.get("/sessions").status_code == 200
    assert gateway.client().post("/login/sso/backchannel", data={"sid": "abc"}).text == "1"
    assert client.get("/sessions").status_code == 303


def test_a_refusal_elsewhere_is_a_page(build: Any) -> None:
    gateway = build()
    assert come_back(gateway.client(), "sso", error="access_denied").status_code == 400
    answer = come_back(gateway.client(), "sso", wanted=WANTED)
    assert (answer.status_code, answer.location) == (
        303,
        f"/login?{urlencode({'next': WANTED}, safe='/')}&page=1",
    )


CHOICES = {
    'isInNet("10.0.0.0/8") ? "card" : "ldap"': ({"card"}, {"ldap"}),
    'isInNet("10.0.0.0/8") ? ["sso", "card"] : ["local", "ldap"]': ({"sso", "card"}, {"local", "ldap"}),
    'service == "jitsi" && module == "jitsi" ? "card" : "sso"': ({"card"}, {"card"}),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_by_address_and_service(build: Any, choice: str) -> None:
    gateway = build(sign_in={"choice": choice})
    for address, expected in zip(("10.1.2.3", "192.0.2.1"), CHOICES[choice], strict=True):
        client = gateway.client()
        environ = {"REMOTE_ADDR": address}
        page = client.get(f"/login?page=1&{urlencode({'next': WANTED})}", environ_overrides=environ).text
        assert offered(page) == expected & {"sso", "card"}
        assert ('name="password"' in page) == bool(expected & {"ldap", "local"})
        for name in ("sso", "card"):
            query = urlencode({"next": WANTED})
            answer = client.get(f"/login/{name}?{query}", environ_overrides=environ)
            assert answer.status_code == (302 if name in expected else 403)
        for login, name in {"dwho": "ldap", "rtyler": "local"}.items():
            status = post(gateway.client(), login, WANTED, address).status_code
            assert (status == 303) == (name in expected)


def test_a_choice_of_one_redirect_backend_has_no_page(build: Any) -> None:
    gateway = build(sign_in={"choice": 'service == "jitsi" ? ["card"] : ["ldap", "sso"]'})
    assert leave(gateway.client().get(WANTED))["name"] == "card"
    assert gateway.client().get("/").location == "/login?next=/"


@pytest.mark.parametrize("choice", ['"nobody"', "deny == 1", "[]", 'attributes["x"][0]', "1 / 0"])
def test_a_choice_of_nothing_lets_nobody_in(build: Any, choice: str) -> None:
    gateway = build(sign_in={"choice": choice})
    answer = gateway.client().get("/login")
    assert (answer.status_code, "You cannot sign in to this from here" in answer.text) == (403, True)
    assert post(gateway.client(), "dwho").status_code != 303
    assert gateway.client().get("/login/sso").status_code == 403


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"choice": "nofunction()"}, r"sign_in\.choice: there is no function nofunction"),
        (
            {"default": "ldap"},
            r"sign_in\.default: is no redirect backend that is enabled; there are: sso, card",
        ),
        ({"default": "sos"}, r"sign_in\.default: is no redirect backend"),
    ],
)
def test_a_contradiction_stops_the_start(build: Any, options: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        build(sign_in=options)
