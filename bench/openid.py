"""Round trips of a sign-in at an OpenID Connect provider, against bare Flask with Authlib's client.

Both have seen the provider before, and the person is signed in there. Counted are the requests of the
browser, and those that go from the application to the provider.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import psutil

from bench.figures import ROUNDS, Figure
from bench.servers import ISSUER, free_port, running
from tests.openid.provider import Provider, Visit, plain_session

CONFIGURATION = """\
public_url = "http://127.0.0.1:{port}/"

[server]
bind = "127.0.0.1:{port}"
workers = 1

[sign_in]
default = "example"

[backends.example]
type = "oidc"
issuer = "{issuer}"
client_id = "{client_id}"
client_secret = "{client_secret}"
"""


def figures(directory: Path) -> Iterator[Figure]:
    directory = directory / "openid"
    directory.mkdir()
    provider = Provider()
    try:
        yield round_trips(directory, provider)
    finally:
        provider.stop()


def round_trips(directory: Path, provider: Provider) -> Figure:
    ports = free_port(), free_port()
    with product(directory, provider, ports[0]), bare(directory, provider, ports[1]):
        counts = []
        for _ in range(ROUNDS + 1):
            counts.append(tuple(requests_of_a_sign_in(provider, port) for port in ports))
    ours, theirs = zip(*counts[1:], strict=True)  # the first fetched document and keys
    values = [float(mine - bare) for mine, bare in zip(ours, theirs, strict=True)]
    name = "sign-in at a provider: round trips more than a bare client"
    return Figure(name, 1, values, f"{ours[0]} : {theirs[0]}", is_most=True)


def requests_of_a_sign_in(provider: Provider, port: int) -> int:
    """Sign in from the front page to the front page, as somebody with a session at the provider."""
    home = f"http://127.0.0.1:{port}/"
    visit = Visit(provider)
    with plain_session() as browser:
        answer = browser.get(home, allow_redirects=False)
        visit.sign_in(answer.headers["Location"], "rose")
    with plain_session() as browser:
        provider.seen()
        location, count = home, 0
        while location:
            if location.startswith(provider.issuer):
                location = visit.follow(location).headers["Location"]
                continue
            answer = browser.get(location, allow_redirects=False)
            count += 1
            location = urljoin(location, answer.headers["Location"]) if "Location" in answer.headers else ""
        if answer.status_code != 200 or "Rose" not in answer.text:
            raise RuntimeError(f"no sign-in: {answer.status_code}")
    return count + len(provider.seen())


def registered(provider: Provider, port: int) -> dict[str, Any]:
    return provider.register(f"http://127.0.0.1:{port}/login/example/callback")


def product(directory: Path, provider: Provider, port: int) -> AbstractContextManager[psutil.Process]:
    file = directory / "issuer.toml"
    client = registered(provider, port)
    file.write_text(CONFIGURATION.format(port=port, issuer=provider.issuer, **client))
    return running([str(ISSUER), "--config", str(file), "serve"], port, directory / "product.log")


def bare(directory: Path, provider: Provider, port: int) -> AbstractContextManager[psutil.Process]:
    client = registered(provider, port)
    os.environ["BENCH_SECRET"] = os.urandom(16).hex()
    arguments = [str(port), provider.issuer, client["client_id"], client["client_secret"]]
    command = [sys.executable, "-m", "bench.baselines.openid", *arguments]
    return running(command, port, directory / "bare.log")
