"""The product as operators run it: `issuer serve` or `issuer demo` in processes of their own."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import requests

from issuer.backends.local import LocalUsers
from issuer.cli import Shell
from issuer.commands.init import make_keys

ISSUER = str(Path(sys.executable).parent / "issuer")
PASSWORD = "correct horse"
PATIENCE = 60.0

CONFIGURATION = """\
public_url = "http://127.0.0.1:{port}/"

[server]
bind = "127.0.0.1:{port}"
workers = 2

[modules.jitsi]
server_url = "https://meet.example.com"
app_id = "jitsi"
algorithm = "RS256"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for: {what}"
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        return client().get(url, timeout=5).ok
    except requests.RequestException:
        return False


def client() -> requests.Session:
    """An HTTP client that does not look at the environment."""
    session = requests.Session()
    session.trust_env = False
    return session


@contextlib.contextmanager
def serving_with(environ: Mapping[str, str], folder: Path, url: str) -> Iterator[Path]:
    """Run `issuer serve` at a URL, in an empty directory with nothing but these variables; give its log."""
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [ISSUER, "serve"], cwd=folder, env={"PATH": os.environ["PATH"], **environ}, stderr=stream
        )
    try:
        wait_for(lambda: answers(f"{url}/healthz") or process.poll() is not None, "healthz")
        yield log
    finally:
        process.terminate()
        assert process.wait(60) == 0


class Service:
    """One server process with its workers, in a directory."""

    def __init__(self, directory: Path, configuration: str = CONFIGURATION, key_use: str = "jitsi") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.file = directory / "issuer.toml"
        self.file.write_text(configuration.format(port=self.port))
        self.log = directory / "log"
        self.shell = Shell(str(self.file), {})
        self.command = [ISSUER]
        make_keys(self.shell.key_directory(), key_use, self.shell.clock)

    def add_users(self, *uids: str) -> None:
        users = LocalUsers(self.shell.parts.services)
        for uid in uids:
            users.add(uid, PASSWORD, {"cn": uid.title(), "mail": f"{uid}@example.com"}, ("users",))

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*self.command, "--config", str(self.file), "serve"], stderr=log)
        wait_for(lambda: self.is_ready() or self.process.poll() is not None, "readyz")
        assert self.process.poll() is None, self.log.read_text()

    def is_ready(self) -> bool:
        return answers(self.url + "/readyz")

    def run(self, *arguments: str) -> str:
        command = [ISSUER, "--config", str(self.file), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE)

    def sign_in(self, uid: str, password: str = PASSWORD) -> requests.Session:
        session = client()
        answer = session.post(
            self.url + "/login",
            data={"login": uid, "password": password, "next": "/"},
            headers={"Origin": self.url},
            allow_redirects=False,
            timeout=60,
        )
        assert answer.status_code == 303, answer.text
        return session


@contextlib.contextmanager
def demo(
    directory: Path, call_port: int | None = None, sfu_url: str = "ws://127.0.0.1:1"
) -> Iterator[tuple[str, str]]:
    """`issuer demo`: the addresses of the portal and of the meeting page."""
    port, meeting_port = free_port(), free_port()
    command = [ISSUER, "demo", "--directory", str(directory), "--sfu-url", sfu_url]
    ports = ["--port", str(port), "--meeting-port", str(meeting_port)]
    ports += ["--call-port", str(call_port or free_port())]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([*command, *ports], stdout=log, stderr=log)
    portal, meeting = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{meeting_port}"
    try:
        wait_for(lambda: answers(portal + "/readyz") and answers(meeting), "the demo")
        yield portal, meeting
    finally:
        process.terminate()
        process.wait(PATIENCE)
