"""A real OpenID provider (npm's oidc-provider), and what a browser does there.

provider = Provider()
client = provider.register(callback="https://auth.example.com/login/example/callback")
back = Visit(provider).sign_in(location, "rose")       # where the browser is sent back to
"""

import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

SERVER = Path(__file__).with_name("server.mjs")
MODULES = Path(__file__).parents[2] / "var/oidc-provider/node_modules"
PATIENCE = 30.0


class Provider:
    """The provider, in a process of its own."""

    def __init__(self) -> None:
        assert MODULES.is_dir(), "run `make var/oidc-provider/.installed`"
        self.process = subprocess.Popen(
            ["node", str(SERVER), str(MODULES)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())
        self.issuer = f"http://localhost:{self.port}"
        self._session = plain_session()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        assert self.process.stdout
        self.process.stdout.close()
        self._session.close()

    def control(self, what: str, **wishes: Any) -> Any:
        """Ask for what `server.mjs` offers under /control."""
        answer = self._session.post(f"{self.issuer}/control/{what}", json=wishes, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def once(self, path: str, **wishes: Any) -> None:
        """Let the next answer at a path be another."""
        self.control("once", **{path: wishes})

    def register(self, callback: str, **metadata: Any) -> dict[str, Any]:
        """Return a new client, as dynamic registration answers (OpenID Connect Registration §3.2)."""
        wanted = {"redirect_uris": [callback], **metadata}
        answer = self._session.post(f"{self.issuer}/reg", json=wanted, timeout=PATIENCE)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def section(
        self, callback: str, *, settings: dict[str, Any] | None = None, **metadata: Any
    ) -> dict[str, Any]:
        """Return the options of a login backend for a new client."""
        client = self.register(callback, **metadata)
        options = {"type": "oidc", "issuer": self.issuer, "client_id": client["client_id"]}
        if "client_secret" in client:
            options["client_secret"] = client["client_secret"]
        return {**options, **(settings or {})}

    def seen(self) -> list[str]:
        """Return the requests since the last time, as "GET /auth"."""
        found: list[str] = self.control("seen")
        return found


class Visit:
    """A browser at the provider, with cookies of its own."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._session = plain_session()

    def follow(self, location: str) -> requests.Response:
        """Go on while it stays at the provider; return its last answer."""
        while True:
            answer = self._session.get(location, allow_redirects=False, timeout=PATIENCE)
            location = urljoin(location, answer.headers.get("Location", ""))
            if answer.status_code not in {302, 303} or not location.startswith(self.provider.issuer):
                return answer

    def sign_in(self, location: str, login: str, acr: str = "1", **form: str) -> str:
        """Go to the provider, sign in there if it asks, and return where it sends the browser back to."""
        answer = self.follow(location)
        if answer.status_code == 200 and "<form" in answer.text:
            data = {"login": login, "acr": acr, **form}
            sent = self._session.post(answer.url, data=data, allow_redirects=False, timeout=PATIENCE)
            answer = self.follow(urljoin(answer.url, sent.headers["Location"]))
        assert answer.status_code in {302, 303}, answer.text
        return answer.headers["Location"]

    def sign_out(self, location: str) -> str:
        """Go to the provider's sign-out, say yes, and return where it sends the browser back to."""
        answer = self.follow(location)
        found = re.search(r'action="([^"]+)".*name="xsrf" value="([^"]+)"', answer.text, re.DOTALL)
        assert found, answer.text
        data = {"xsrf": found[2], "logout": "yes"}
        sent = self._session.post(found[1], data=data, allow_redirects=False, timeout=PATIENCE)
        return sent.headers["Location"]


def plain_session() -> requests.Session:
    """An HTTP client that does not look at the environment."""
    session = requests.Session()
    session.trust_env = False
    return session
