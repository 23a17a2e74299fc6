"""The wheel on every Python that `setup.cfg` names."""

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.packaging.files import ROOT
from tests.service import answers, client, free_port, wait_for
from tests.wheel import run
from tools.interpreters import UV, find, versions

PASSWORD = "correct horse"
FREE = {name: value for name, value in os.environ.items() if not name.startswith(("ISSUER", "PYTHON"))}


def install(python: Path, wheel: Path, folder: Path) -> Path:
    """Make an environment with what the lock has and the wheel; nothing is compiled. Return its `bin`."""
    run(UV, "venv", "--quiet", "--python", python, folder, cwd=folder.parent)
    into = (UV, "pip", "install", "--quiet", "--python", folder)
    locked = ("--require-hashes", "--only-binary", ":all:", "--requirement", ROOT / "requirements.lock")
    run(*into, *locked, cwd=folder)
    run(*into, "--no-deps", wheel, cwd=folder)
    run(UV, "pip", "check", "--python", folder, cwd=folder)
    return folder / "bin"


@contextlib.contextmanager
def serving(issuer: Path, folder: Path, port: int) -> Iterator[str]:
    environ = {**FREE, "ISSUER__SERVER__BIND": f"127.0.0.1:{port}"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([issuer, "serve"], cwd=folder, env=environ, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(url + "/readyz") or process.poll() is not None, "readyz")
        yield url
    finally:
        process.terminate()
        assert process.wait(60) == 0, (folder / "log").read_text()


def sign_in(url: str) -> requests.Response:
    form = {"login": "rtyler", "password": PASSWORD}
    return client().post(url + "/login", data=form, headers={"Origin": url}, timeout=60)


@pytest.mark.real
@pytest.mark.parametrize("version", versions())
def test_the_wheel_runs_on_a_python_that_it_names(version: str, wheel: Path, tmp_path: Path) -> None:
    """Installed as locked, from wheels alone; a person signs in, and gets a token that Jitsi takes."""
    python = find(version)
    assert python, f"no Python {version} on PATH, of pyenv or of uv: .venv/bin/uv python install {version}"
    programs = install(python, wheel, tmp_path / "venv")
    assert run(programs / "python", "--version", cwd=tmp_path).startswith(f"Python {version}.")

    issuer, port = programs / "issuer", free_port()
    run(issuer, "init", "--module", "jitsi", "--public-url", f"http://127.0.0.1:{port}/", cwd=tmp_path)
    assert "ok   configuration" in run(issuer, "check", cwd=tmp_path)
    run(issuer, "user", "add", "rtyler", "--password-stdin", cwd=tmp_path, given=PASSWORD)
    with serving(issuer, tmp_path, port) as url:
        answer = sign_in(url)
        assert (answer.status_code, answer.url) == (200, url + "/")
        assert "rtyler" in answer.text
    token = run(issuer, "token", "jitsi", "--user", "rtyler", "--room", "board", cwd=tmp_path)
    assert "ok   signature: valid" in run(issuer, "verify", "-", "--room", "board", cwd=tmp_path, given=token)


def test_the_image_has_a_python_that_the_tests_ran() -> None:
    text = (ROOT / "deploy/Containerfile").read_text()
    (image,) = set(re.findall(r"^FROM docker.io/library/python:([\d.]+)-slim", text, re.MULTILINE))
    assert image in versions()


def test_the_versions_are_those_that_the_package_asks_for() -> None:
    assert len(versions()) > 1
    assert f"python_requires = >={versions()[0]}\n" in (ROOT / "setup.cfg").read_text()
