import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.harness import Server, running


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def server(log: Path, programs: None) -> Iterator[Server]:
    with running(log) as started:
        yield started


@pytest.fixture
def files(tmp_path: Path, programs: None) -> dict[str, str]:
    certificate, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return {"tls_certificate": certificate, "tls_key": key}
