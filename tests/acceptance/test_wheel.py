"""The wheel as a stranger gets it."""

import os
import subprocess
import zipfile
from pathlib import Path

from tests.service import answers, client, free_port, wait_for
from tests.wheel import install, run


def test_the_wheel_runs_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """The wheel, installed into an empty environment, runs `issuer init`, `check`, `serve`."""
    prosody = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".lua")}
    assert "modules/matrix/prosody/mod_auth_matrix_user_verification.lua" in prosody
    environment = install(wheel, tmp_path / "venv")
    environment.pip("check", cwd=tmp_path)
    issuer = environment.folder / "bin/issuer"

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
