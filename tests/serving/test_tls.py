"""https without a reverse proxy."""

import http.client
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.serving.harness import DEADLINE, Server, running

pytestmark = pytest.mark.server


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_https(log: Path, files: dict[str, str], version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=files["tls_certificate"])
    context.minimum_version = context.maximum_version = version
    with running(log, **files) as server:
        connection = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=DEADLINE)
        connection.request("GET", "/environ")
        answer = connection.getresponse().read()
        connection.close()
    assert b'"wsgi.url_scheme":"https"' in answer.replace(b" ", b"")


def test_a_key_that_does_not_belong_to_the_certificate_stops_the_start(
    tmp_path: Path, files: dict[str, str]
) -> None:
    subprocess.run(["openssl", "genrsa", "-out", files["tls_key"], "2048"], check=True, capture_output=True)
    server = Server(tmp_path / "log", **files)
    server.process.communicate(timeout=DEADLINE)
    assert server.process.returncode == 1
    assert "are no usable certificate and key" in server.log.read_text()
