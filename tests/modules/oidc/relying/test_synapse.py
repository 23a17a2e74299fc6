"""A real Synapse whose users sign in through us, as docs/oidc-synapse.md says."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.docs.pages import page
from tests.modules.oidc.relying.office import SECRET, Secure, Visitor, start_page
from tests.service import wait_for
from tests.synapse import Synapse
from tests.upstream.authority import Authority

APP = "http://127.0.0.1/app"
PAGE = page("docs/oidc-synapse.md")


@pytest.fixture(scope="module")
def homeserver(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Synapse:
    return Synapse(tmp_path_factory.mktemp("synapse"), authority)


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, homeserver: Synapse, authority: Authority, programs: None
) -> Iterator[Secure]:
    (toml,), (yaml,) = PAGE.blocks("toml"), PAGE.blocks("yaml")
    directory = tmp_path_factory.mktemp("provider")
    text = toml.replace("https://matrix.example.com", homeserver.url)
    running = start_page(directory, text, authority, "synapse-secret")
    settings = json.loads(homeserver.files[0].read_text()) | {"sso": {"client_whitelist": [APP]}}
    homeserver.files[0].write_text(json.dumps(settings))
    of_page = homeserver.directory / "oidc.yaml"
    yaml = yaml.replace("https://auth.example.com", running.url).replace("the text of synapse-secret", SECRET)
    of_page.write_text(yaml)
    homeserver.files.append(of_page)
    homeserver.start()
    yield running
    homeserver.stop()
    running.stop()


def ask(homeserver: Synapse, path: str, token: str) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    answer = homeserver.http.get(f"{homeserver.url}/_matrix/client/v3/{path}", headers=headers, timeout=30)
    return answer.status_code, answer.json()


def test_somebody_signs_in_to_matrix_through_us(service: Secure, homeserver: Synapse) -> None:
    """In a real browser, and with independent clients that the fixture starts: `openid-client` from npm
    (code + PKCE, refresh, device, introspection), Debian's `libapache2-mod-auth-openidc` in front of a
    page, a real Synapse with our module as its SSO provider (a user signs in to Matrix through us).
    """
    visitor = Visitor(service)
    visitor.http.verify = homeserver.http.verify
    begin = (
        f"{homeserver.url}/_matrix/client/v3/login/sso/redirect/oidc-issuer?{urlencode({'redirectUrl': APP})}"
    )
    back = visitor.go(begin, until=APP)
    (token,) = parse_qs(urlsplit(back).query)["loginToken"]
    login = {"type": "m.login.token", "token": token}
    signed_in = homeserver.request("POST", "/_matrix/client/v3/login", login)
    assert signed_in["user_id"] == f"@dwho:{homeserver.name}"
    access = signed_in["access_token"]
    assert ask(homeserver, f"profile/{signed_in['user_id']}", access)[1]["displayname"] == "Dwho"
    known = ask(homeserver, "account/3pid", access)[1]["threepids"]
    assert [entry["address"] for entry in known] == ["dwho@example.com"]
    assert ask(homeserver, "account/whoami", access)[0] == 200
    answer = visitor.http.post(f"{service.url}/logout", headers={"Origin": service.url}, timeout=30)
    assert answer.ok
    wait_for(lambda: ask(homeserver, "account/whoami", access)[0] == 401, "the end of the session in Matrix")
