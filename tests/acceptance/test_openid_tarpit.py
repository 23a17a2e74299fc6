"""A provider that takes connections and never answers slows down nobody but those who go there."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import Service, client

THREADS = 8
CONFIGURATION = """\
public_url = "http://127.0.0.1:{{port}}/"

[server]
bind = "127.0.0.1:{{port}}"
workers = 1
threads = {threads}

[upstream]
total_timeout = "20s"

[backends.local]

[backends.tarpit]
type = "oidc"
issuer = "http://127.0.0.1:{tarpit}"
client_id = "issuer"
client_secret = "of nobody"
"""


@pytest.fixture
def tarpit() -> Iterator[socket.socket]:
    """A server that never answers; closing it resets all connections."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(256)
        yield listener


@pytest.mark.server
def test_others_sign_in_meanwhile(tmp_path: Path, tarpit: socket.socket) -> None:
    """More people than there are threads go to the provider, and hear that it is down; the form works."""
    port = tarpit.getsockname()[1]
    service = Service(tmp_path, CONFIGURATION.format(threads=THREADS, tarpit=port))
    service.add_users("dwho")
    service.start()
    statuses: list[int] = []

    def visit() -> None:
        with client() as browser:
            answer = browser.get(f"{service.url}/login/tarpit", allow_redirects=False, timeout=60)
            statuses.append(answer.status_code)

    visitors = [threading.Thread(target=visit) for _ in range(THREADS + 4)]
    try:
        for visitor in visitors:
            visitor.start()
        session = service.sign_in("dwho")
        assert session.get(service.url, timeout=60).status_code == 200
        session.close()
        assert len(statuses) < len(visitors), "nobody waits for the provider any more"
        tarpit.close()
        for visitor in visitors:
            visitor.join()
    finally:
        service.stop()
    assert set(statuses) == {503}
