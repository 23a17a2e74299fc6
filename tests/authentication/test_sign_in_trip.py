"""From a page to the form and back to the very address that was wanted, and nowhere else."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from issuer.authentication.flow import safe_return_to
from tests.gateway import PUBLIC_URL, LocalGateway
from tests.node import Node

ORIGIN = "https://auth.example.com"
WANTED = [
    "/",
    "/sessions",
    "/jitsi/login?room=monday",
    "/jitsi/login?room=B%C3%BCro%20Co&tenant=a",
    "/jitsi/login/r%C3%B6hre?x=%2F%3F&y=a+b&z=%25",
    "/jitsi/login?room=a&state=%7B%22room%22%3A%22a%22%7D",
    "/jitsi/login?room=a&other=it's(here)!*;,:@$",
]
TRICKS = [
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "https://evil.example/",
    "https:evil.example",
    "//auth.example.com@evil.example/",
    "/%09//evil.example",
    "/..//evil.example",
    "/.//evil.example",
    "/%2F/evil.example",
    "javascript:alert(1)",
    "\u2044\u2044evil.example",
    "/\u3000/evil.example",
    " /x",
    "/x\r\nSet-Cookie: a=b",
    "/" + "a" * 9000,
    "",
]


@pytest.mark.parametrize("wanted", WANTED)
def test_sign_in_leads_back_to_the_very_address_that_was_wanted(gateway: LocalGateway, wanted: str) -> None:
    client = gateway.client()
    answer = client.get(wanted)
    assert answer.status_code == 303
    form = urlsplit(answer.location)
    assert form.path == "/login"
    (hidden,) = parse_qs(form.query)["next"]
    page = client.get(answer.location)
    assert page.status_code == 200
    answer = gateway.send_form(client, "dwho", hidden)
    assert (answer.status_code, answer.location) == (303, wanted)


def test_the_form_says_where_it_leads(gateway: LocalGateway) -> None:
    client = gateway.client()
    assert "Jitsi Meet" in client.get("/login?next=/jitsi/login%3Froom%3Dx").text
    assert "Jitsi Meet" not in client.get("/login?next=/jitsix").text


def test_somebody_who_is_signed_in_goes_on_at_once(gateway: LocalGateway) -> None:
    client = gateway.sign_in("dwho")
    assert client.get("/login?next=/sessions").location == "/sessions"


def test_a_trick_leads_no_further_than_our_own_host(gateway: LocalGateway, node: Node) -> None:
    client = gateway.sign_in("dwho")
    for trick in TRICKS:
        location = client.get("/login", query_string={"next": trick}).location
        parsed = node.url_resolve(location, PUBLIC_URL)
        assert parsed
        assert f"{parsed['protocol']}//{parsed['hostname']}" == ORIGIN, trick
        page = gateway.client().get("/login", query_string={"next": trick}).text
        assert f'name="next" value="{location}"' in page, trick


def test_the_form_itself_leads_no_further(gateway: LocalGateway) -> None:
    assert gateway.send_form(gateway.client(), "dwho", "//evil.example/").location == "/"


PIECES = st.sampled_from(
    ["/", "\\", "//", "..", ".", "@", ":", "?", "#", "%2f", "%5c", "%00", "\t", "\n", "evil.example"]
)


@example("/..//evil.example")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    st.text()
    | st.lists(PIECES | st.characters(codec="utf-8"), max_size=8).map("".join).map(lambda text: "/" + text)
)
def test_no_text_at_all_leads_away(gateway: LocalGateway, node: Node, wanted: str) -> None:
    """Whatever `next` holds, a browser (WHATWG URL, as node has it) stays at our origin."""
    clean = safe_return_to(wanted)
    assert clean in {"/", wanted}
    client = gateway.client()
    client.set_cookie("__Host-issuer_session", the_session(gateway))
    answer = client.get("/login", query_string={"next": wanted})
    parsed = node.url_resolve(answer.location, PUBLIC_URL + "login")
    assert parsed
    assert (parsed["protocol"], parsed["hostname"], parsed["port"]) == ("https:", "auth.example.com", "")
    assert (parsed["username"], parsed["password"]) == ("", "")


def the_session(gateway: LocalGateway) -> str:
    if "session" not in gateway.app.extensions:
        cookie = gateway.sign_in("dwho").get_cookie("__Host-issuer_session")
        assert cookie
        gateway.app.extensions["session"] = cookie.value
    return str(gateway.app.extensions["session"])


def test_a_form_that_nobody_is_signed_in_for_leads_home(gateway: LocalGateway) -> None:
    """A browser comes back by GET, so it must not come back to what only takes POST."""
    answer = gateway.client().post("/sessions/abc/end", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.location == "/login?next=/"


def test_head_asks_for_sign_in_too(gateway: LocalGateway) -> None:
    answer = gateway.client().head("/jitsi/login?room=x")
    assert (answer.status_code, answer.data) == (303, b"")
    assert answer.location == "/login?next=/jitsi/login%3Froom%3Dx"
    assert gateway.client().head("/login").status_code == 200
