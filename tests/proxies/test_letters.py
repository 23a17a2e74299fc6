"""Names, groups and cookies with other letters than ASCII, on the way from real browsers and proxies."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import expect

from issuer.backends.local import LocalUsers
from tests.browser import OpenPage, browser, open_page
from tests.modules.oidc.relying.office import SECRET, start
from tests.proxies.sso import SignOnProxy
from tests.service import CONFIGURATION, PASSWORD, Service

__all__ = ["browser", "open_page"]

HEADERS = """\
public_url = "{url}/"

[server]
bind = "127.0.0.1:{{port}}"
workers = 1

[backends.header]
trusted_addresses = ["127.0.0.1"]
user_header = "X-Remote-User"
name_header = "X-Remote-Name"
groups_header = "X-Remote-Groups"
"""
EVERY = [b"%s=a%sb" % (b"x%d" % code, bytes([code])) for code in range(128, 256)]
"""A cookie for each byte that is no ASCII; control characters no browser keeps."""
COOKIES = [b"one=\xc3\xb6", b"two=\xf6", b"three=a\xff\xfeb", b'four="\xc3\xb6', b"f\xc3\xbcnf=5", b"six=%F6"]


@pytest.fixture(scope="module")
def proxy(programs: None) -> Iterator[SignOnProxy]:
    """Not below pytest's own directory, which every run of pytest closes to other users again."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield SignOnProxy(folder)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory, proxy: SignOnProxy) -> Iterator[Service]:
    client = f"""\
[modules.oidc.claims]
preferred_username = "nick"

[modules.oidc.clients.apache]
secret = "{SECRET}"
redirect_uris = ["{proxy.url}/callback"]
trusted = true
"""
    running = start(tmp_path_factory.mktemp("provider"), client)
    users = LocalUsers(running.shell.parts.services)
    users.add("emile", PASSWORD, {"cn": "Émile Müller", "nick": "émile"}, ("lehrkräfte", "staff"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def behind(
    tmp_path_factory: pytest.TempPathFactory, proxy: SignOnProxy, provider: Service
) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("behind"), HEADERS.format(url=proxy.url))
    running.shell.parts.store.migrate()
    running.start()
    proxy.start(f"{provider.url}/oidc", running.port)
    yield running
    proxy.stop()
    running.stop()


@pytest.mark.real
def test_a_name_and_a_group_with_an_umlaut_arrive(
    behind: Service, proxy: SignOnProxy, open_page: OpenPage
) -> None:
    """Real Chromium with a sister site's cookie of any bytes: sign-in works. Real mod_auth_openidc in front (Debian's): `émile` with group `lehrkräfte` signs in with name and groups."""  # noqa: E501
    page = open_page(f"{proxy.url}/").page
    page.get_by_label("User name").fill("emile")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Émile Müller").first).to_be_visible()
    assert page.url.startswith(f"{proxy.url}/")
    (session,) = behind.shell.parts.store.sessions.of("header", "émile")
    assert session.identity.uid == "émile"
    assert session.identity.first("cn") == "Émile Müller"
    assert session.identity.groups == ("lehrkräfte", "staff")


class Sister(BaseHTTPRequestHandler):
    """A page of a sister site, on the same host, which sets cookies of any bytes."""

    def do_GET(self) -> None:
        self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n")
        self.wfile.writelines(b"Set-Cookie: " + cookie + b"; Path=/\r\n" for cookie in (*COOKIES, *EVERY))
        self.wfile.write(b"\r\n<title>Sister</title>")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def sister() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Sister)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, programs: None) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("gateway"), CONFIGURATION)
    running.add_users("dwho")
    running.start()
    yield running
    running.stop()


@pytest.mark.real
def test_a_cookie_of_a_sister_site_costs_nothing(gateway: Service, sister: str, open_page: OpenPage) -> None:
    """Real Chromium with a sister site's cookie of any bytes: sign-in works. Real mod_auth_openidc in front (Debian's): `émile` with group `lehrkräfte` signs in with name and groups."""  # noqa: E501
    page = open_page(sister).page
    page.goto(f"{gateway.url}/")
    names = {cookie["name"] for cookie in page.context.cookies()}
    assert {"one", "six", *(f"x{code}" for code in range(128, 256))} <= names
    page.get_by_label("User name").fill("dwho")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Dwho").first).to_be_visible()
    page.goto(f"{gateway.url}/sessions")
    assert page.url == f"{gateway.url}/sessions"
