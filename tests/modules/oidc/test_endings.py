"""What a person's sessions, consents and clients leave behind when they end: nothing that works."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from issuer.backends.local import LocalUsers
from issuer.store import User
from issuer.testing import LocalGateway, open_gateway
from modules.oidc.authorization.consent import withdraw
from modules.oidc.clients.client import secret_hash
from modules.oidc.module import OidcModule
from tests.faults.browser import PASSWORD, SETTLED, configuration
from tests.modules.oidc.provider import REDIRECT, SECRET

ROUNDS = 200
ENDINGS = ("end all sessions", "passwd", "disable", "withdraw consent", "remove client")
GIVEN_FIRST = 4
"""A session, a code, an access token and a refresh token."""
LATER = {"end all sessions": {"signed in"}}
"""Whoever signs in while their sessions are ended may come after that: they have the right password."""
SESSIONS_STAY = {"withdraw consent", "remove client"}


class Operator:
    """The process that ends things."""

    def __init__(self, gateway: LocalGateway) -> None:
        self._parts = gateway.parts
        module = self._parts.modules["oidc"]
        assert isinstance(module, OidcModule)
        self._provider = module.provider
        self._users = LocalUsers(self._parts.services)
        self._hash = self._parts.services.passwords.hash(PASSWORD)

    def lay_out(self, client_id: str, uid: str) -> None:
        """Add a client and a user."""
        section = {"name": "App", "redirect_uris": [REDIRECT]}
        self._provider.stored.add(client_id, json.dumps(section), secret_hash(SECRET))
        now = self._provider.clock.now()
        self._parts.store.users.add(User(f"id-of-{uid}", uid, self._hash, {}, (), True, now, now))

    def end(self, ending: str, client_id: str, uid: str) -> None:
        """End what the name says."""
        match ending:
            case "end all sessions":
                assert self._parts.store.sessions.end_of_uid(uid)
            case "passwd":
                self._users.set_password(uid, "another password")
            case "disable":
                self._users.change(uid, {}, enabled=False)
            case "withdraw consent":
                session = self._parts.store.sessions.of("local", f"id-of-{uid}")[0]
                assert withdraw(self._provider, session, client_id)
            case _:
                assert self._provider.remove_client(client_id)


class OtherProcess:
    """The process with the browser."""

    def __init__(self, folder: Path, url: str) -> None:
        command = [sys.executable, "-m", "tests.faults.browser", str(folder), url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.line() == "ready"

    def say(self, text: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def ask(self, text: str) -> str:
        self.say(text)
        return self.line()

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture
def url(store_url: str | None, tmp_path: Path) -> str:
    return store_url or f"sqlite:///{tmp_path}/issuer.db"


@pytest.fixture
def gateway(url: str, tmp_path: Path) -> Iterator[LocalGateway]:
    gateway = open_gateway(tmp_path, configuration(url), key_uses=["oidc"])
    yield gateway
    gateway.close()


@pytest.fixture
def browser(gateway: LocalGateway, url: str, tmp_path: Path) -> Iterator[OtherProcess]:
    assert gateway
    browser = OtherProcess(tmp_path, url)
    yield browser
    browser.close()


@pytest.mark.server
def test_everything_works_while_nothing_ends(gateway: LocalGateway, browser: OtherProcess) -> None:
    Operator(gateway).lay_out("app", "user")
    assert int(browser.ask("prepare app user")) == GIVEN_FIRST
    browser.say("go")
    while browser.line() != SETTLED:
        pass
    works = [tuple(found) for found in json.loads(browser.ask("check"))]
    kinds = {"session", "access_token", "code", "refresh_token"}
    assert {kind for when, kind in works if when == "before"} >= kinds - {"refresh_token"}
    assert {kind for when, kind in works if when == "meanwhile"} == kinds - {"session"}
    assert {kind for when, kind in works if when == "signed in"} == kinds - {"code"}


@pytest.mark.real
def test_nothing_of_a_person_works_after_the_end(gateway: LocalGateway, browser: OtherProcess) -> None:
    """200 rounds of "end all sessions" (and passwd, disable, withdraw consent, remove client) against a
    browser that makes codes, refreshes and signs in at that moment, two processes, both databases: afterwards
    nothing of the person works.
    """
    operator = Operator(gateway)
    for number in range(ROUNDS):
        ending, (client_id, uid) = ENDINGS[number % len(ENDINGS)], (f"app{number}", f"user{number}")
        operator.lay_out(client_id, uid)
        assert int(browser.ask(f"prepare {client_id} {uid}")) == GIVEN_FIRST
        browser.say("go")
        steps = [browser.line() for _ in range(number // len(ENDINGS) % 5)]
        operator.end(ending, client_id, uid)
        while steps[-1:] != [SETTLED]:
            steps.append(browser.line())
        works = [tuple(found) for found in json.loads(browser.ask("check"))]
        allowed = LATER.get(ending, set())
        left = [
            (when, kind)
            for when, kind in works
            if when not in allowed and not (kind == "session" and ending in SESSIONS_STAY)
        ]
        assert left == [], f"round {number}, {ending}: {steps}"
