"""Local users, a directory and a provider at once: the service in its processes, real servers, one choice."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.acceptance.test_browser import assert_good
from tests.browser import OpenPage
from tests.openid.provider import Provider, Visit
from tests.openldap.people import PEOPLE, SERVICE, SERVICE_PASSWORD, password_of
from tests.openldap.server import OpenLDAP, running_openldap
from tests.service import PASSWORD, Service, client
from tests.upstream.authority import Authority

SECTIONS = """
[sign_in]
choice = 'service == "board" ? ["sso"] : ["ldap", "local", "sso"]'

[macros]
staff = 'inGroup("users") || inGroup("doctors") || mail.endsWith("@uni.example")'

[backends.ldap]
servers = ["{ldap}"]
ca_file = "{ca_file}"
bind_dn = "{service}"
bind_password = "{password}"
user_base = "{people}"

[backends.local]

[backends.sso]
type = "oidc"
label = "Example University"
icon = "building"
auth_level = 2
trust_email = true
issuer = "{issuer}"
client_id = "{client_id}"
client_secret = "{client_secret}"

[modules.board]
type = "jitsi"
server_url = "https://board.example.com"
app_id = "jitsi"
algorithm = "RS256"
rule = "staff && authLevel >= 2"
"""


@dataclass
class House:
    """A service between its directory and its provider."""

    service: Service
    directory: OpenLDAP
    provider: Provider

    def get(self, browser: requests.Session, address: str) -> requests.Response:
        url = address if address.startswith("http") else self.service.url + address
        assert url.startswith(self.service.url), url
        return browser.get(url, allow_redirects=False, timeout=60)

    def post(self, browser: requests.Session, login: str, password: str) -> requests.Response:
        return browser.post(
            f"{self.service.url}/login",
            data={"login": login, "password": password, "next": "/jitsi/login?room=monday"},
            headers={"Origin": self.service.url},
            allow_redirects=False,
            timeout=60,
        )

    def sessions_of(self, uid: str) -> set[tuple[str, int]]:
        rows = self.service.shell.parts.store.sessions.of_uid(uid)
        return {(row.identity.backend, row.identity.auth_level) for row in rows}


@pytest.fixture(scope="module")
def directory(authority: Authority, programs: None) -> Iterator[OpenLDAP]:
    """A directory that a test here may kill."""
    with running_openldap(authority) as server:
        yield server


@pytest.fixture(scope="module")
def house(
    directory: OpenLDAP, provider: Provider, tmp_path_factory: pytest.TempPathFactory, programs: None
) -> Iterator[House]:
    service = Service(tmp_path_factory.mktemp("service"))
    registered = provider.register(
        f"{service.url}/login/sso/callback", post_logout_redirect_uris=[f"{service.url}/logout"]
    )
    text = SECTIONS.format(
        ldap=directory.url,
        ca_file=directory.ca_file,
        service=SERVICE,
        password=SERVICE_PASSWORD,
        people=PEOPLE,
        issuer=provider.issuer,
        **registered,
    )
    service.file.write_text(service.file.read_text() + text)
    service.add_users("rtyler", "martha")
    service.start()
    provider.control("person", sub="donna", claims={"preferred_username": "donna", "email": "d@uni.example"})
    yield House(service, directory, provider)
    service.stop()


def test_one_form_for_the_directory_and_the_local_users(house: House) -> None:
    for login, password, backend in (
        ("dwho", password_of("dwho"), "ldap"),
        ("rtyler", PASSWORD, "local"),
    ):
        browser = client()
        assert house.post(browser, login, "wrong").status_code == 401
        answer = house.post(browser, login, password)
        assert answer.headers["Location"] == "/jitsi/login?room=monday"
        answer = house.get(browser, answer.headers["Location"])
        assert answer.headers["Location"].startswith("https://meet.example.com/")
        assert house.sessions_of(login) == {(backend, 1)}


def test_a_redirect_sign_in_adds_one_round_trip(house: House) -> None:
    """OpenID Connect itself needs two requests to us: the one that leads away, and the one that comes back.
    Then the browser asks again for what it wanted.
    """
    browser, requests_to_us = client(), 0
    location = "/board/login?room=x"
    while not location.startswith("https://board.example.com/"):
        answer = house.get(browser, location)
        requests_to_us += 1
        location = answer.headers["Location"]
        if location.startswith(house.provider.issuer):
            location = Visit(house.provider).sign_in(location, "donna")
    assert requests_to_us == 3
    assert house.sessions_of("donna") == {("sso", 2)}


def test_a_session_of_the_form_is_asked_for_more(house: House) -> None:
    browser = client()
    house.post(browser, "rtyler", PASSWORD)
    answer = house.get(browser, "/board/login?room=x")
    back = Visit(house.provider).sign_in(answer.headers["Location"], "donna")
    judged = house.get(browser, back)
    again = house.get(browser, judged.headers["Location"])
    assert again.headers["Location"] == "/board/login?room=x"
    answer = house.get(browser, again.headers["Location"])
    assert answer.headers["Location"].startswith("https://board.example.com/")


@pytest.mark.parametrize("name", ["martha", "Martha", "dwho", "user77", "USER77"])
def test_a_chosen_name_of_somebody_else_signs_nobody_in(house: House, name: str) -> None:
    """Neither a local user's nor one of the directory, who never signed in."""
    house.provider.control("person", sub="mallory", claims={"preferred_username": name})
    browser = client()
    answer = house.get(browser, "/login/sso?next=/")
    answer = house.get(browser, Visit(house.provider).sign_in(answer.headers["Location"], "mallory"))
    assert (answer.status_code, "cannot be used here" in answer.text) == (403, True)
    assert house.get(browser, "/sessions").status_code in {302, 303}
    assert ("sso", 2) not in house.sessions_of(name.lower())


def test_the_doctor_says_that_all_is_well(house: House) -> None:
    lines = house.service.run("doctor").splitlines()
    assert lines[-1] == "all is well"
    assert {line.split(":")[0] for line in lines[:-1]} >= {
        "ok   backends.ldap",
        "ok   backends.sso",
        "ok   store",
    }


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_the_page_has_the_form_and_the_button(
    house: House, open_page: OpenPage, tmp_path: Path, width: int, dark: bool
) -> None:
    window = open_page(f"{house.service.url}/login?next=/jitsi/login%3Froom%3Dx", width=width, dark=dark)
    page = window.page
    expect(page.get_by_label("User name")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in with Example University")).to_be_visible()
    assert_good(window, tmp_path, "together")


def test_while_the_directory_is_down(house: House) -> None:
    """Local users and the provider's go on, and nobody of the directory reads that they are wrong."""
    house.directory.kill()
    try:
        browser = client()
        assert house.post(browser, "dwho", password_of("dwho")).status_code == 503
        assert house.post(client(), "nobody", "wrong").status_code == 503
        assert house.post(client(), "martha", PASSWORD).status_code == 303
        answer = house.get(browser, "/board/login?room=x")
        back = Visit(house.provider).sign_in(answer.headers["Location"], "donna")
        assert house.get(browser, back).headers["Location"] == "/board/login?room=x"
    finally:
        house.directory.start()
