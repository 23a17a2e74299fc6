"""Forms are taken from our own pages only; sign-out is a form."""

import pytest

from tests.gateway import LocalGateway

OURS = "https://auth.example.com"
FORMS = ["/login", "/logout", "/sessions/abc/end", "/sessions/end-others"]
FOREIGN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "same-origin, cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": OURS},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://auth.example.com"},
    {"Origin": "https://auth.example.com:8443"},
    {"Origin": "https://auth.example.com.evil.example"},
    {"Referer": f"{OURS}/login"},
]


@pytest.mark.parametrize("path", FORMS)
def test_a_foreign_form_is_refused(gateway: LocalGateway, path: str) -> None:
    client = gateway.sign_in("dwho")
    for headers in FOREIGN:
        answer = client.post(path, data={"login": "dwho", "password": "dwho"}, headers=headers)
        assert answer.status_code == 403, headers
        assert "Set-Cookie" not in answer.headers
        assert client.get("/").status_code == 200, "the session goes on"


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": OURS}])
def test_our_own_form_is_taken(gateway: LocalGateway, headers: dict[str, str]) -> None:
    answer = gateway.client().post("/login", data={"login": "dwho", "password": "dwho"}, headers=headers)
    assert answer.status_code == 303


@pytest.mark.parametrize("path", ["/logout", "/sessions/end-others", "/sessions/abc/end"])
def test_a_get_never_ends_a_session(gateway: LocalGateway, path: str) -> None:
    client = gateway.sign_in("dwho")
    for ask in (client.get, client.head):
        assert ask(path).status_code in {200, 404, 405}
    assert client.get("/").status_code == 200


def test_signing_out_ends_the_session_at_the_server(gateway: LocalGateway) -> None:
    client = gateway.sign_in("dwho")
    cookie = client.get_cookie("__Host-issuer_session")
    assert cookie
    assert "Sign out?" in client.get("/logout").text
    answer = client.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, answer.location) == (303, "/logout")
    assert "You are signed out" in client.get("/logout").text
    thief = gateway.client()
    thief.set_cookie("__Host-issuer_session", cookie.value)
    assert thief.get("/").status_code == 303
