"""A browser and a client in a process of their own: `python -m tests.faults.browser FOLDER STORE_URL`.

It reads lines and answers each: `prepare CLIENT UID` signs in and gets tokens; `go` makes codes, refreshes
and signs in at once, and says each step; `check` tries all that it was ever given, and says what works.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from issuer.testing import LocalGateway, open_gateway
from tests.modules.oidc.provider import OURS, REDIRECT, SECRET, VERIFIER, Provider

PASSWORD = "correct horse"
SETTLED = "done"


def configuration(store_url: str) -> dict[str, Any]:
    """The configuration of both processes."""
    return {"store": {"url": store_url}, "backends": {"local": {}}, "modules": {"oidc": {}}}


class Person:
    """Somebody with a browser, and the client that they use; `given` is what they got, by its kind."""

    def __init__(self, gateway: LocalGateway, client_id: str, uid: str) -> None:
        self._gateway = gateway
        self._provider = Provider(gateway, secrets={client_id: SECRET})
        self._client = client_id
        self._uid = uid
        self._browser = gateway.sign_in(uid)
        self._address = f"192.0.2.{sum(uid.encode()) % 250 + 1}"
        self.given: list[tuple[str, str, Any]] = [("before", "session", self._browser)]
        self._consent(self._browser)
        self._refresh_token = self._exchange("before", self._code(self._browser))
        self._keep("before", "code", self._code(self._browser))

    def _keep(self, when: str, kind: str, text: str | None) -> str | None:
        if text:
            self.given.append((when, kind, text))
        return text

    def _consent(self, browser: FlaskClient) -> None:
        page = browser.get(self._url(prompt="consent")).get_data(as_text=True)
        session = page.partition('name="session" value="')[2].partition('"')[0]
        query = self._url().partition("?")[2]
        browser.post(
            "/oidc/consent", data={"decision": "allow", "request": query, "session": session}, headers=OURS
        )

    def _url(self, **changes: Any) -> str:
        return self._provider.url(self._client, redirect_uri=REDIRECT, **changes)

    def _code(self, browser: FlaskClient) -> str | None:
        answer = browser.get(self._url())
        if answer.status_code != 303 or not str(answer.location).startswith(REDIRECT):
            return None
        return self._provider.told(answer).get("code")

    def _exchange(self, when: str, code: str | None) -> str | None:
        form = {"code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
        return self._tokens(when, self._provider.token(self._client, **form)) if code else None

    def _refresh(self, when: str, token: str | None) -> str | None:
        return self._tokens(when, self._provider.refresh(token, self._client)) if token else None

    def _tokens(self, when: str, answer: TestResponse) -> str | None:
        if answer.status_code != 200:
            return None
        body = answer.get_json()
        self._keep(when, "access_token", body["access_token"])
        return self._keep(when, "refresh_token", body["refresh_token"])

    def act(self, said: Any) -> None:
        """Make codes, refresh and sign in, all at once."""
        steps = (self._make_codes, self._make_refreshes, self._sign_in)
        with ThreadPoolExecutor(len(steps)) as pool:
            for done in [pool.submit(step, said) for step in steps]:
                done.result()

    def _make_codes(self, said: Any) -> None:
        for _ in range(2):
            self._exchange("meanwhile", self._code(self._browser))
            said("exchanged")
        self._keep("meanwhile", "code", self._code(self._browser))

    def _make_refreshes(self, said: Any) -> None:
        for _ in range(2):
            self._refresh_token = self._refresh("meanwhile", self._refresh_token)
            said("refreshed")

    def _sign_in(self, said: Any) -> None:
        browser = self._gateway.client()
        form = {"login": self._uid, "password": PASSWORD, "next": "/"}
        from_here = {"REMOTE_ADDR": self._address}
        answer = browser.post("/login", data=form, headers=OURS, environ_base=from_here)
        said("signed in")
        if answer.status_code == 303 and answer.location == "/":
            self.given.append(("signed in", "session", browser))
            self._exchange("signed in", self._code(browser))

    def working(self) -> list[tuple[str, str]]:
        """Try everything, the latest first, refresh tokens last: one that is used again ends the others."""
        order = ("session", "access_token", "code", "refresh_token")
        latest_first = self.given[::-1]
        tried = sorted(latest_first, key=lambda entry: order.index(entry[1]))
        return [(when, kind) for when, kind, text in tried if self._works(kind, text)]

    def _works(self, kind: str, text: Any) -> bool:
        if kind == "session":
            return bool(text.get("/").status_code == 200)
        if kind == "access_token":
            return self._provider.is_good(text)
        return bool(self._exchange("after", text) if kind == "code" else self._refresh("after", text))


def main(folder: str, store_url: str) -> None:
    """Answer lines until there are no more."""
    gateway = open_gateway(Path(folder), configuration(store_url))
    person: Person | None = None

    def said(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    said("ready")
    for line in sys.stdin:
        match line.split():
            case ["prepare", client_id, uid]:
                person = Person(gateway, client_id, uid)
                said(json.dumps(len(person.given)))
            case ["go"] if person:
                person.act(said)
                said(SETTLED)
            case ["check"] if person:
                said(json.dumps(person.working()))
    gateway.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
