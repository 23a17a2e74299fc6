"""`issuer client`: the program as operators run it, and the clients that it adds at work."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from issuer.cli import main
from issuer.testing import open_gateway
from tests.modules.oidc.provider import Provider

REDIRECT = "https://notes.example.com/cb"


class Office:
    """A configuration with a provider, and the command line on it."""

    def __init__(self, folder: Path) -> None:
        gateway = open_gateway(folder, {"modules": {"oidc": {}}}, key_uses=["oidc"])
        gateway.add_user("dwho", ("users",), cn="Doctor")
        self.provider = Provider(gateway)
        self.file = folder / "issuer.toml"
        self.file.write_text('public_url = "https://auth.example.com/"\n\n[modules.oidc]\n')

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["--config", str(self.file), "client", *arguments], obj=None)

    def secret(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        found = re.search(r"client_secret +(\S+)", result.output)
        assert found
        return found[1]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_a_client_that_was_added_works_at_once(office: Office) -> None:
    provider = office.provider
    provider.secrets["notes"] = office.secret(
        "add", "notes", "--name", "Notes", "--redirect-uri", REDIRECT, "--trusted"
    )
    browser = provider.gateway.sign_in("dwho")
    tokens = provider.tokens(browser, "notes", redirect_uri=REDIRECT)
    assert provider.is_good(tokens["access_token"])
    listed = office.run("list").output
    assert re.search(r"notes +standard +confidential .*https://notes.example.com/cb", listed)
    policy = (
        provider.gateway.client()
        .get("/login", query_string={"next": provider.url("notes")})
        .headers["Content-Security-Policy"]
    )
    assert "https://notes.example.com" in policy


def test_another_secret_takes_the_place_of_the_first(office: Office) -> None:
    provider = office.provider
    first = office.secret("add", "notes", "--redirect-uri", REDIRECT, "--trusted")
    provider.secrets["notes"] = second = office.secret("rotate-secret", "notes")
    assert first != second
    tokens = provider.tokens(provider.gateway.sign_in("dwho"), "notes", redirect_uri=REDIRECT)
    provider.secrets["notes"] = first
    assert provider.refresh(tokens["refresh_token"], "notes").get_json()["error"] == "invalid_client"


def test_a_removed_client_is_gone_with_its_tokens(office: Office) -> None:
    provider = office.provider
    provider.secrets["notes"] = office.secret("add", "notes", "--redirect-uri", REDIRECT, "--trusted")
    tokens = provider.tokens(provider.gateway.sign_in("dwho"), "notes", redirect_uri=REDIRECT)
    assert "1 grants ended" in office.run("remove", "notes").output
    assert not provider.is_good(tokens["access_token"])
    assert provider.gateway.client().get(provider.url("notes", redirect_uri=REDIRECT)).status_code == 400
    assert office.run("remove", "notes").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "notes"), "redirect_uris"),
        (("add", "notes", "--redirect-uri", "http://notes.example.com/"), "https:"),
        (("add", "notes", "--redirect-uri", "https://notes.example.com/*"), r"without \*"),
        (("add", "notes", "--public", "--grant-type", "client_credentials"), "public client"),
        (("rotate-secret", "nobody"), "issuer client list"),
        (("--instance", "jitsi", "list"), "not an OpenID Provider"),
    ],
)
def test_what_cannot_be_is_said(office: Office, arguments: tuple[str, ...], told: str) -> None:
    result = office.run(*arguments)
    assert result.exit_code == 1
    assert re.search(told, result.output)


def test_the_table_knows_no_secret(office: Office) -> None:
    secret = office.secret("add", "notes", "--redirect-uri", REDIRECT)
    database = office.file.parent / "data"
    assert not any(secret.encode() in file.read_bytes() for file in database.iterdir())
