"""A Jitsi that is set up by the README's table takes the tokens of the README's portal."""

import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from issuer.app import World, parts
from issuer.backends.local import LocalUsers
from issuer.jitsi.verdict import JitsiServer, judge_token
from tests.docs.configurations import SECRET, application, close, whole
from tests.docs.pages import ROOT, page
from tests.fakes import FakeClock
from tests.node import Node, node

__all__ = ["node"]

README = page("README.md")
ORIGIN = "https://auth.example.com"
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)
ABSENT = "not set"


def variables(column: int) -> dict[str, str]:
    rows = (match.groups() for match in ROW.finditer(README.text))
    return {row[0]: row[column].strip("`") for row in rows if row[column] != ABSENT}


HS256, RS256 = variables(1), variables(2)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def portal(tmp_path: Path, keys: Path, clock: FakeClock, algorithm: str) -> Flask:
    """The README's configuration, which says what to change for HS256."""
    data = whole(README.blocks("toml")[0])
    section = data["modules"]["jitsi"] | {"algorithm": algorithm}
    if algorithm == "HS256":
        section["app_secret"] = SECRET
    data["modules"]["jitsi"] = section
    data["store"] = {"url": f"sqlite:///{tmp_path}/issuer.db"}
    app = application(data, tmp_path, keys, World(clock=clock))
    house = parts(app)
    house.store.migrate()
    LocalUsers(house.services).add("rtyler", "bad wolf one", {"cn": "Rose Tyler"}, ("staff",))
    return app


def signed_in(app: Flask) -> FlaskClient:
    browser = app.test_client()
    form = {"login": "rtyler", "password": "bad wolf one"}
    answer = browser.post("/login", base_url=ORIGIN, data=form, headers={"Origin": ORIGIN})
    assert answer.status_code == 303
    return browser


def jitsi(settings: dict[str, str], app: Flask) -> JitsiServer:
    """A Jitsi server with these variables; its key server is the portal."""
    base = settings.get("JWT_ASAP_KEYSERVER")

    def fetch_key(kid: str) -> bytes | None:
        address = urlsplit(f"{base}/{hashlib.sha256(kid.encode()).hexdigest()}.pem")
        assert f"{address.scheme}://{address.netloc}" == ORIGIN
        answer = app.test_client().get(address.path, base_url=ORIGIN)
        return answer.data if answer.status_code == 200 else None

    return JitsiServer(
        issuers=settings["JWT_ACCEPTED_ISSUERS"].split(","),
        audiences=settings["JWT_ACCEPTED_AUDIENCES"].split(","),
        algorithm=settings.get("JWT_SIGN_TYPE", "RS256" if base else "HS256"),
        secret=None if base else SECRET.encode(),
        fetch_key=fetch_key if base else None,
        room="team%20meeting",
    )


@pytest.mark.parametrize(("algorithm", "settings"), [("HS256", HS256), ("RS256", RS256)])
def test_jitsi_takes_the_token(
    algorithm: str, settings: dict[str, str], tmp_path: Path, keys: Path, clock: FakeClock, node: Node
) -> None:
    app = portal(tmp_path, keys, clock, algorithm)
    address = node.jitsi_sign_in(settings["TOKEN_AUTH_URL"], "https://meet.example.com/Team%20Meeting")
    asked = urlsplit(address)
    assert f"{asked.scheme}://{asked.netloc}" == ORIGIN
    answer = signed_in(app).get(f"{asked.path}?{asked.query}", base_url=ORIGIN)
    findings = judge_token(node.jitsi_read(answer.location)["jwt"], jitsi(settings, app), clock.now())
    assert [finding for finding in findings if not finding.ok] == []
    close(app)


COMMON = {
    "ENABLE_AUTH": "1",
    "AUTH_TYPE": "jwt",
    "JWT_APP_ID": "jitsi",
    "JWT_ACCEPTED_ISSUERS": "https://auth.example.com/",
    "JWT_ACCEPTED_AUDIENCES": "jitsi",
    "TOKEN_AUTH_URL": "https://auth.example.com/jitsi/login?room={room}&state={state}",
}
SECRET_ONLY = {"JWT_APP_SECRET": "the value of `app_secret"}
KEY_SERVER = {"JWT_ASAP_KEYSERVER": "https://auth.example.com/jitsi/asap"}
ROLES = {"XMPP_MUC_MODULES": "token_affiliation", "ENABLE_AUTO_OWNER": "0", "JICOFO_ENABLE_AUTH": "0"}


def test_the_table_says_what_jitsi_needs() -> None:
    of_tokens = [{k: v for k, v in one.items() if k not in ROLES} for one in (HS256, RS256)]
    assert of_tokens == [COMMON | SECRET_ONLY, COMMON | KEY_SERVER]
    assert ROLES.items() <= HS256.items()


def test_the_file_to_copy_is_the_table() -> None:
    lines = (ROOT / "deploy" / "jitsi.env").read_text().splitlines()
    copied = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert copied == COMMON | KEY_SERVER | ROLES
