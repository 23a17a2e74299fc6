"""The page for those who come from a Jitsi adapter: the program starts from its environment alone."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import pytest
import requests

from tests.docs.pages import page
from tests.modules.jitsi.meetings import token_in
from tests.openid.fixtures import provider
from tests.openid.provider import Provider, Visit
from tests.service import ISSUER, answers, client, free_port, wait_for

__all__ = ["provider"]

PAGE = page("docs/jitsi-adapters.md")
VARIABLE = re.compile(r"""^ +(ISSUER__[A-Z_]+): (?:"([^"]*)"|'([^']*)')$""", re.MULTILINE)


@pytest.fixture
def url(tmp_path: Path, provider: Provider) -> Iterator[str]:
    """The program in an empty folder, with the variables of the page."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    registered = provider.register(callback=f"{url}/login/sso/callback")
    (block,) = PAGE.blocks("yaml")
    environ = {name: one or other for name, one, other in VARIABLE.findall(block)}
    assert environ["ISSUER__KEYS__GENERATE"] == "true"
    environ |= {
        "ISSUER__PUBLIC_URL": f"{url}/",
        "ISSUER__SERVER__BIND": f"127.0.0.1:{port}",
        "ISSUER__SERVER__WORKERS": "1",
        "ISSUER__BACKENDS__SSO__ISSUER": provider.issuer,
        "ISSUER__BACKENDS__SSO__CLIENT_ID": registered["client_id"],
        "ISSUER__BACKENDS__SSO__CLIENT_SECRET": registered["client_secret"],
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ISSUER")}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([ISSUER, "serve"], env=kept | environ, cwd=tmp_path, stderr=log)
    wait_for(lambda: answers(f"{url}/readyz") or process.poll() is not None, "readyz")
    assert process.poll() is None, (tmp_path / "log").read_text()
    yield url
    process.terminate()
    process.wait(30)


def test_one_container_with_variables_alone_signs_people_in(
    url: str, provider: Provider, tmp_path: Path
) -> None:
    """one container, environment variables only, an OpenID Connect provider behind it; `issuer` starts from
    `ISSUER__…` alone (key made at the first start where `keys.generate = true`)."""
    browser = client()
    state = "%7B%22room%22%3A%22My%2520Room%22%7D"
    wanted = f"{url}/jitsi/login?room=My%20Room&state={state}"
    location = _follow(browser, wanted)
    assert location.startswith(provider.issuer), location
    back = Visit(provider).sign_in(location, "rose")
    meeting = _follow(browser, back)
    assert meeting.startswith("https://meet.example.com/My%20Room#jwt=")
    token = token_in(meeting)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["room"], claims["aud"], claims["exp"] - claims["iat"]) == ("my%20room", "jitsi", 4 * 3600)
    kids = {path.name for path in (tmp_path / "keys").glob("*.json")}
    assert len(kids) == 2
    assert "made (use jitsi)" in (tmp_path / "log").read_text()


def _follow(browser: requests.Session, location: str) -> str:
    """Go on while it stays at the program; return where the browser is sent to."""
    host = urlsplit(location).netloc
    while urlsplit(location).netloc == host:
        answer = browser.get(location, allow_redirects=False, timeout=30)
        assert answer.status_code in {302, 303}, answer.text
        location = requests.compat.urljoin(location, answer.headers["Location"])
    return location
