"""The samples in deploy/ fit the program."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from issuer.serving.options import ServeOptions
from issuer.wiring.configuration import load
from tests.docs.configurations import SECRET
from tests.docs.pages import ROOT, pages

PROVIDER = {"TYPE": "oidc", "ISSUER": "https://id.example.com", "CLIENT_ID": "x", "CLIENT_SECRET": SECRET}
DEPLOY = ROOT / "deploy"
VARIABLE = re.compile(r"""(ISSUER__[A-Z_]+)[:=] *(?:"([^"]*)"|'([^']*)'|([^\s"'`)]+))""")


def variables(text: str) -> dict[str, str]:
    return {name: next(filter(None, values), "") for name, *values in VARIABLE.findall(text)}


def test_the_variables_of_the_compose_file_are_a_configuration() -> None:
    environ = variables((DEPLOY / "compose.yaml").read_text())
    configuration = load(None, environ)
    assert configuration.settings.public_url == "https://auth.example.com/"
    subnet = str(configuration.settings.server.trusted_proxies[0])
    assert f"subnet: {subnet}" in (DEPLOY / "compose.yaml").read_text()
    assert [instance.name for instance in configuration.modules] == ["jitsi"]


def test_the_variables_of_the_pages_are_options(tmp_path: Path) -> None:
    found = [variables(page.text) for page in pages()]
    environ = {name: value for one in found for name, value in one.items()}
    assert len(environ) > 2
    file = tmp_path / "secret"
    file.write_text(SECRET)
    for name, value in environ.items():
        base = {
            "ISSUER__PUBLIC_URL": "https://auth.example.com/",
            "ISSUER__MODULES__JITSI__SERVER_URL": "https://meet.example.com",
            "ISSUER__MODULES__JITSI__APP_ID": "jitsi",
        }
        if name.startswith(("ISSUER__BACKENDS__SSO", "ISSUER__SIGN_IN")):
            base |= {f"ISSUER__BACKENDS__SSO__{option}": value for option, value in PROVIDER.items()}
        secret = (
            {} if "APP_SECRET" in name or value == "RS256" else {"ISSUER__MODULES__JITSI__APP_SECRET": SECRET}
        )
        given = {name: str(file) if name.endswith("_FILE") else value}
        load(None, base | secret | given)


def test_the_container_copies_what_there_is() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    copied = [
        word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for word in line.split()
    ]
    assert {"setup.cfg", "issuer", "modules", "templates", "static"} <= set(copied)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert variables(text) == {"ISSUER__SERVER__BIND": ":8080"}


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "issuer.service")
    return parser


def test_the_unit_waits_longer_than_the_server_needs_to_stop() -> None:
    service = unit()["Service"]
    assert service["ExecStart"].endswith("/issuer serve")
    stop = ServeOptions(bind="", workers=1, threads=1).stop_seconds
    assert float(service["TimeoutStopSec"]) > stop


@pytest.mark.server
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="Debian without systemd")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "issuer.service").read_text().replace("/opt/issuer/bin/issuer", "/usr/bin/env")
    copy = tmp_path / "issuer.service"
    copy.write_text(text)
    ran = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("name", ["nginx.conf", "apache.conf", "Caddyfile"])
def test_a_proxy_passes_to_where_the_gateway_listens(name: str) -> None:
    text = (DEPLOY / name).read_text()
    assert "127.0.0.1:8080" in text
    assert "auth.example.com" in text
    assert text.count("{") == text.count("}")
