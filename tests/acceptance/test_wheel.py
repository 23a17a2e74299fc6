"""The wheel as a stranger gets it."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from tests.service import answers, client, free_port, wait_for

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ISSUER", "PYTHON"))}
    done = subprocess.run(
        command, check=False, cwd=cwd, env=environ, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_runs_in_an_empty_environment(tmp_path: Path) -> None:
    """The wheel, installed into an empty environment, runs `issuer init`, `check`, `serve`."""
    source = tmp_path / "source"
    run("git", "clone", "--quiet", ROOT, source, cwd=tmp_path)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, source, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    prosody = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".lua")}
    assert "modules/matrix/prosody/mod_auth_matrix_user_verification.lua" in prosody
    venv.create(tmp_path / "venv", with_pip=True)
    python, issuer = tmp_path / "venv/bin/python", tmp_path / "venv/bin/issuer"
    run(python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel, cwd=tmp_path)

    port = free_port()
    run(issuer, "init", "--module", "jitsi", "--public-url", f"http://127.0.0.1:{port}/", cwd=tmp_path)
    assert "ok   configuration" in run(issuer, "check", cwd=tmp_path)
    environ = {**os.environ, "ISSUER__SERVER__BIND": f"127.0.0.1:{port}"}
    server = subprocess.Popen([issuer, "serve"], cwd=tmp_path, env=environ, stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(url + "/readyz") or server.poll() is not None, "readyz")
        page = client().get(url + "/login", headers={"Accept-Language": "de"})
        assert "Anmelden" in page.text
        assert client().get(url + "/static/style.css").ok
        assert client().get(url + "/jitsi/login").status_code == 400
    finally:
        server.terminate()
        server.communicate()
