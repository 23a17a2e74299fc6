"""What drives servers: wrk, on the same cores as they; and a browser that signs in, one at a time."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

SCRIPT = Path(__file__).with_name("load.lua")
HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


class LoadError(Exception):
    """The load could not be put on a server, or the server failed under it."""


@dataclass(frozen=True, slots=True)
class Load:
    """How a server is loaded; with `pause` (milliseconds, on average) each client is slow."""

    seconds: float
    clients: int
    pause: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it."""

    requests: int
    rate: float
    p99: float
    """Milliseconds."""


def require_wrk() -> None:
    if not shutil.which("wrk"):
        raise LoadError("wrk is missing: sudo apt-get install --yes --no-install-recommends wrk")


def put(load: Load, url: str, sessions: int = 0, script: Path = SCRIPT) -> Result:
    """Put a load on a URL, with cookies of that many sessions."""
    wrk = ["wrk", "--threads", "1", "--connections", str(load.clients), "--timeout", "5s"]
    command = [*wrk, "--duration", f"{load.seconds:g}s", "--script", str(script), url, "--"]
    run = subprocess.run(
        [*command, str(sessions), str(load.pause)], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise LoadError(f"wrk failed: {run.stdout}{run.stderr}")
    found = json.loads(run.stdout.splitlines()[-1])
    if found["failed"]:
        raise LoadError(f"{url}: {found['failed']} of {found['requests']} requests failed")
    return Result(found["requests"], found["requests"] / found["seconds"], found["p99"])


def send_form(browser: HTTPConnection, uid: str, password: str) -> None:
    """Sign somebody in; raise RuntimeError when there is no session."""
    form = urlencode({"login": uid, "password": password, "next": "/"})
    browser.request("POST", "/login", form, HEADERS)
    answer = browser.getresponse()
    answer.read()
    cookies = ";".join(answer.headers.get_all("Set-Cookie", []))
    if answer.status != HTTPStatus.SEE_OTHER or "issuer_session=" not in cookies:
        raise RuntimeError(f"no sign-in: {answer.status}")
