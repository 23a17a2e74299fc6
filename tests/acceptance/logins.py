"""Many Jitsi logins at once, as browsers that are signed in make them."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import jwt
import requests

from tests.service import Service, client


@dataclass
class Logins:
    """Counts logins, and keeps every token that was handed out."""

    service: Service
    cookies: list[str]
    tokens: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    on_token: Callable[[str], None] = lambda _token: None
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """One thread for each cookie, until `stop`."""
        for number, cookie in enumerate(self.cookies):
            thread = threading.Thread(target=self._run, args=(number, cookie))
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int, cookie: str) -> None:
        session = client()
        session.cookies.set("issuer_session", cookie)
        while not self._stop.is_set():
            try:
                self._login(session, f"room-{number}")
            except requests.ConnectionError:
                self._stop.wait(0.05)

    def _login(self, session: requests.Session, room: str) -> None:
        answer = session.get(f"{self.service.url}/jitsi/login?room={room}", allow_redirects=False, timeout=30)
        if answer.status_code != 302 or answer.headers["Location"].startswith("/"):
            self.failures.append(f"{answer.status_code} {answer.text[:200]}")
            return
        (token,) = parse_qs(urlsplit(answer.headers["Location"]).query)["jwt"]
        self.tokens.append(token)
        self.on_token(token)


class KeyServerClient:
    """Fetches a key by its `kid` when it first sees one, and keeps it for ever, as Prosody does."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._session = client()
        self._lock = threading.Lock()
        self.keys: dict[str, str] = {}

    def verify(self, token: str) -> None:
        kid = jwt.get_unverified_header(token)["kid"]
        jwt.decode(token, self._key(kid), ["RS256"], audience="jitsi")

    def _key(self, kid: str) -> str:
        with self._lock:
            if kid not in self.keys:
                name = hashlib.sha256(kid.encode()).hexdigest()
                answer = self._session.get(f"{self._service.url}/jitsi/asap/{name}.pem", timeout=30)
                assert answer.status_code == 200, f"{kid}: {answer.status_code}"
                self.keys[kid] = answer.text
            return self.keys[kid]
