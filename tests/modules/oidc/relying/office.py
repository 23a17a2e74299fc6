"""The provider as operators run it, and a browser without pages that signs in to it."""

import re
from html import unescape
from pathlib import Path
from typing import Protocol
from urllib.parse import urljoin

import requests

from issuer.commands.init import make_keys
from tests.service import PASSWORD, Service, client
from tests.upstream.authority import Authority

PATIENCE = 30.0
SECRET = "k7Zq2mWx9Tb4Vd8Rf1Lc6Yp3"
CONFIGURATION = """\
public_url = "http://127.0.0.1:{port}/"

[server]
bind = "127.0.0.1:{port}"
workers = 1

[modules.oidc]

"""
HTTPS = """\
public_url = "https://127.0.0.1:{port}/"

[server]
bind = "127.0.0.1:{port}"
workers = 1
tls_certificate = "{certificate}"
tls_key = "{certificate}"

[upstream]
ca_file = "{authority}"

"""


def start(directory: Path, clients: str) -> Service:
    """Start a provider with these clients, and one person, `dwho`."""
    service = Service(directory, CONFIGURATION + clients.replace("{", "{{").replace("}", "}}"))
    make_keys(service.shell.key_directory(), "oidc", service.shell.clock)
    service.shell.parts.store.migrate()
    service.add_users("dwho")
    service.start()
    return service


class Secure(Service):
    """The product behind https, with what a page of the documentation says."""

    def __init__(self, directory: Path, text: str, authority: Authority) -> None:
        self.authority = authority
        certificate = authority.file("127.0.0.1")
        head = HTTPS.format(port="{port}", certificate=certificate, authority=authority.path)
        super().__init__(directory, head + text.replace("{", "{{").replace("}", "}}"))
        self.url = f"https://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        http = client()
        try:
            return http.get(self.url + "/readyz", verify=str(self.authority.path), timeout=5).ok
        except requests.RequestException:
            return False


def start_page(directory: Path, text: str, authority: Authority, *secrets: str) -> Secure:
    """Start a provider with the configuration of a page, one person, `dwho`, and the files of secrets."""
    for name in secrets:
        (directory / name).write_text(SECRET + "\n")
    service = Secure(directory, text, authority)
    make_keys(service.shell.key_directory(), "oidc", service.shell.clock)
    service.shell.parts.store.migrate()
    service.add_users("dwho")
    service.start()
    return service


class Portal(Protocol):
    """Where a visitor signs in."""

    url: str


class Visitor:
    """Somebody with a browser: follows redirects by hand, fills in our forms."""

    def __init__(self, portal: Portal, password: str = PASSWORD) -> None:
        self.portal = portal
        self.password = password
        self.http = client()

    def go(self, url: str, until: str) -> str:
        """Open an address and do what our pages ask for, until the browser is sent to `until`."""
        answer = self._get(url)
        for _ in range(12):
            if answer.is_redirect:
                url = urljoin(answer.url, answer.headers["Location"])
                if url.startswith(until):
                    return url
                answer = self._get(url)
            else:
                answer = self._submit(answer)
        raise AssertionError(f"the browser is still at {url}")

    def submit(self, page: requests.Response, **values: str) -> requests.Response:
        """Send the form of a page, as our own page does."""
        text = page.text
        action = re.search(r'<form class="(?:stack|actions)" action="([^"]+)"', text)
        assert action, text
        hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text)
        data = {name: unescape(value) for name, value in hidden} | values
        target = urljoin(page.url, unescape(action[1]))
        headers = {"Origin": self.portal.url}
        return self.http.post(target, data=data, headers=headers, allow_redirects=False, timeout=PATIENCE)

    def _submit(self, page: requests.Response) -> requests.Response:
        assert page.status_code == 200, page.text
        if 'name="password"' in page.text:
            return self.submit(page, login="dwho", password=self.password)
        return self.submit(page, decision="allow")

    def _get(self, url: str) -> requests.Response:
        return self.http.get(url, allow_redirects=False, timeout=PATIENCE)
