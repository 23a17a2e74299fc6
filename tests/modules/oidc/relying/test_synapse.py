"""A real Synapse whose users sign in through us."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.modules.oidc.relying.office import SECRET, Visitor, start
from tests.service import Service
from tests.synapse import Synapse
from tests.upstream.authority import Authority

APP = "http://127.0.0.1/app"


def provider_of(issuer: str) -> dict[str, object]:
    """What docs/oidc-synapse.md says, in JSON."""
    return {
        "idp_id": "issuer",
        "idp_name": "Example sign-in",
        "issuer": issuer,
        "client_id": "synapse",
        "client_secret": SECRET,
        "scopes": ["openid", "profile", "email"],
        "backchannel_logout_enabled": True,
        "user_mapping_provider": {
            "config": {
                "localpart_template": "{{ user.preferred_username }}",
                "display_name_template": "{{ user.name }}",
                "email_template": "{{ user.email }}",
            }
        },
        "skip_verification": True,
        "pkce_method": "always",
    }


@pytest.fixture(scope="module")
def homeserver(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Synapse:
    return Synapse(tmp_path_factory.mktemp("synapse"), authority)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, homeserver: Synapse) -> Iterator[Service]:
    client = f"""\
[modules.oidc.clients.synapse]
name = "Matrix"
secret = "{SECRET}"
claims_in_id_token = true
redirect_uris = ["{homeserver.url}/_synapse/client/oidc/callback"]
"""
    running = start(tmp_path_factory.mktemp("provider"), client)
    file = homeserver.directory / "homeserver.yaml"
    settings = json.loads(file.read_text())
    settings["oidc_providers"] = [provider_of(f"{running.url}/oidc")]
    settings["sso"] = {"client_whitelist": [APP]}
    file.write_text(json.dumps(settings))
    homeserver.start()
    yield running
    homeserver.stop()
    running.stop()


def test_somebody_signs_in_to_matrix_through_us(service: Service, homeserver: Synapse) -> None:
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
