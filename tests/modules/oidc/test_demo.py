"""The demo's two clients."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.modules.oidc.provider import CHALLENGE, VERIFIER
from tests.modules.oidc.relying.office import Visitor
from tests.service import client, demo, free_port


@dataclass
class Demo:
    """Where the demo's portal is."""

    url: str


@pytest.mark.server
def test_the_demo_has_a_public_client_and_one_whose_secret_it_prints(tmp_path: Path) -> None:
    with demo(tmp_path, free_port()) as (portal, _):
        issuer = f"{portal}/oidc"
        redirect = f"http://127.0.0.1:{free_port()}/callback"
        query = f"response_type=code&client_id=demo&redirect_uri={redirect}&scope=openid"
        pkce = f"code_challenge={CHALLENGE}&code_challenge_method=S256"
        back = Visitor(Demo(portal), "dwho").go(f"{issuer}/authorize?{query}&{pkce}", until=redirect)
        code = re.search(r"code=([^&]+)", back)
        assert code
        form = {"grant_type": "authorization_code", "client_id": "demo", "redirect_uri": redirect}
        tokens = post(issuer, **form, code=code[1], code_verifier=VERIFIER)
        assert {"access_token", "id_token", "refresh_token"} <= tokens.keys()
        secret = re.search(r"client_secret (\w+)", (tmp_path / "log").read_text())
        assert secret
        server = {"client_id": "demo-server", "client_secret": secret[1]}
        assert "access_token" in post(issuer, grant_type="client_credentials", scope="read", **server)


def post(issuer: str, **form: str) -> dict[str, str]:
    answer: requests.Response = client().post(f"{issuer}/token", data=form, timeout=30)
    found: dict[str, str] = answer.json()
    return found
