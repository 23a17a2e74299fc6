"""Each kind of write: what is laid out before, what is done and done again, and what must be so then."""

import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import requests

from tests.authentication.factors.apps import App
from tests.authentication.factors.people import codes_in, svg_of
from tests.faults.house import LIVEKIT_ROOM, House, fields_of, told
from tests.modules.oidc.provider import claims_of
from tests.service import client, wait_for


@dataclass
class Kind(ABC):
    """One write of one person or client, whose name is like nobody else's."""

    words: ClassVar[str]
    """What the transaction says that is meant."""
    after_kill: ClassVar[set[int]] = set()
    """What who repeats reads when the process died after the commit, if not the same as else."""

    house: House
    name: str

    @abstractmethod
    def prepare(self) -> None:
        """Lay out what is needed."""

    @abstractmethod
    def act(self) -> requests.Response:
        """Do it; may be done again."""

    @abstractmethod
    def check(self, last: int, *, died_after: bool) -> None:
        """See that it was done once, and nothing else was; `last` is the status of the last try."""

    @property
    def store(self):  # type: ignore[no-untyped-def]
        return self.house.shell.parts.store

    def signed_in(self) -> requests.Session:
        """A browser of a person of this name."""
        if self.store.users.by_uid(self.name) is None:
            self.house.add_users(self.name)
        session = client()
        assert self.house.log_in(session, self.name).status_code == 303
        return session

    def is_signed_in(self, session: requests.Session) -> bool:
        return self.house.get(session, "/").status_code == 200


class SignIn(Kind):
    words = "INSERT INTO sessions"

    def prepare(self) -> None:
        self.house.add_users(self.name)
        self.browser = client()

    def act(self) -> requests.Response:
        return self.house.log_in(self.browser, self.name)

    def check(self, last: int, *, died_after: bool) -> None:
        assert last == 303
        assert self.is_signed_in(self.browser)
        assert len(self.store.sessions.of_uid(self.name)) == 1 + died_after  # whose id left with the process


class IssuedToken(Kind):
    words = "INSERT INTO issuances"

    def prepare(self) -> None:
        self.browser = self.signed_in()

    def act(self) -> requests.Response:
        self.answer = self.house.get(self.browser, "/jitsi/login?room=board")
        return self.answer

    def check(self, last: int, *, died_after: bool) -> None:
        token = told(self.answer)["jwt"]
        rows = self.store.issuances.search(uid=self.name)
        assert claims_of(token)["jti"] in {row.token_id for row in rows}
        assert len(rows) == 1 + died_after


class Code(Kind):
    words = "UPDATE oidc_grants SET code_used_at"
    after_kill: ClassVar = {400}  # it counts once (RFC 6749 §4.1.2): the browser brings another one

    def prepare(self) -> None:
        self.browser = self.signed_in()
        self.code = self.house.code(self.browser)

    def act(self) -> requests.Response:
        self.answer = self.house.exchange(self.code)
        return self.answer

    def check(self, last: int, *, died_after: bool) -> None:
        if died_after:
            self.answer = self.house.exchange(self.house.code(self.browser))
        body = self.answer.json()
        assert self.house.is_good(body["access_token"])
        assert self.house.refresh(body["refresh_token"]).status_code == 200


class Refresh(Kind):
    words = "UPDATE oidc_refresh_tokens"
    client_id = "wiki"

    def prepare(self) -> None:
        code = self.house.code(self.signed_in(), self.client_id)
        self.first = self.house.exchange(code, self.client_id).json()

    def act(self) -> requests.Response:
        self.answer = self.house.refresh(self.first["refresh_token"], self.client_id)
        return self.answer

    def check(self, last: int, *, died_after: bool) -> None:
        body = self.answer.json()
        assert self.house.is_good(self.first["access_token"])
        assert self.house.is_good(body["access_token"])
        assert self.house.refresh(body["refresh_token"], self.client_id).status_code == 200


class RotatingRefresh(Refresh):
    client_id = "rotating"


class Device(Kind):
    words = "UPDATE oidc_device_codes SET used_at"
    after_kill: ClassVar = {400}  # it counts once (RFC 8628 §3.5): the device asks for another one

    def prepare(self) -> None:
        self.browser = self.signed_in()
        self.device_code = self._let_in()

    def _let_in(self) -> str:
        house = self.house
        begun = house.post("/oidc/device_authorization", **_TV, scope="openid").json()
        page = house.get(self.browser, f"/oidc/device?user_code={begun['user_code']}")
        form = fields_of(page) | {"decision": "allow"}
        assert house.post("/oidc/device", self.browser, **form).status_code == 200
        return str(begun["device_code"])

    def act(self) -> requests.Response:
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}
        self.answer = self.house.post("/oidc/token", **_TV, **form, device_code=self.device_code)
        return self.answer

    def check(self, last: int, *, died_after: bool) -> None:
        if died_after:
            self.device_code = self._let_in()
            self.act()
        body = self.answer.json()
        assert self.house.is_good(body["access_token"]), body
        assert self.house.refresh(body["refresh_token"], "tv").status_code == 200


class SessionEnd(Kind):
    words = "DELETE FROM sessions"

    def prepare(self) -> None:
        self.browser = self.signed_in()
        self.tokens = self.house.exchange(self.house.code(self.browser)).json()
        self.other = self.signed_in()

    def act(self) -> requests.Response:
        return self.house.post("/logout", self.browser)

    def check(self, last: int, *, died_after: bool) -> None:
        assert last == 303
        assert not self.is_signed_in(self.browser)
        assert not self.house.is_good(self.tokens["access_token"])
        assert self.house.refresh(self.tokens["refresh_token"]).status_code == 400
        assert self.is_signed_in(self.other)


class Consent(Kind):
    words = "INSERT INTO oidc_consents"

    def prepare(self) -> None:
        self.browser = self.signed_in()
        self.page = self.house.authorize(self.browser, "notes")
        assert self.page.status_code == 200

    def act(self) -> requests.Response:
        form = fields_of(self.page) | {"decision": "allow"}
        self.answer = self.house.post("/oidc/consent", self.browser, **form)
        return self.answer

    def check(self, last: int, *, died_after: bool) -> None:
        assert "code" in told(self.answer)
        assert "code" in told(self.house.authorize(self.browser, "notes")), "it is remembered"


class JobAccepted(Kind):
    words = "INSERT INTO livekit_jobs"

    def prepare(self) -> None:
        self.event = self.house.homeserver.schedule(f"syd_{self.name}", 8.0)

    def act(self) -> requests.Response:
        return self.house.delegate(self.name)

    def check(self, last: int, *, died_after: bool) -> None:
        assert last == 200
        self._is_kept_alive(0)

    def _is_kept_alive(self, restarts: int) -> None:
        if (LIVEKIT_ROOM, self.house.identity(self.name)) not in self.house.sfu.participants:
            assert self.house.hook("participant_joined", self.name)().status_code == 200
        wait_for(lambda: len(self.event.restarts) > restarts, "a restart")
        assert not self.event.has_fired
        assert not self.event.sent_at


class JobMoved(JobAccepted):
    words = "INSERT INTO livekit_webhooks"

    def prepare(self) -> None:
        super().prepare()
        assert self.house.delegate(self.name).status_code == 200
        self.hook = self.house.hook("participant_joined", self.name)

    def act(self) -> requests.Response:
        return self.hook()


class Leave(JobMoved):
    def prepare(self) -> None:
        super().prepare()
        assert self.hook().status_code == 200
        wait_for(lambda: len(self.event.restarts) > 0, "a restart")
        self.hook = self.house.hook("participant_left", self.name)

    def check(self, last: int, *, died_after: bool) -> None:
        assert last == 200
        wait_for(lambda: self.event.sent_at is not None, "the event")
        assert not self.event.has_fired


class SecondFactor(Kind):
    words = "DELETE FROM recovery_codes"
    after_kill: ClassVar = {401}  # it counts once: the person takes the next one

    def prepare(self) -> None:
        browser = self.signed_in()
        self.house.post("/second-factor/begin", browser)
        app = App.scan(svg_of(self.house.get(browser, "/second-factor/set-up").text))
        now = self.house.shell.clock.now()
        self.codes = codes_in(self.house.post("/second-factor/set-up", browser, code=app.code(now)).text)
        self.browser = client()
        answer = self.house.log_in(self.browser, self.name)
        assert answer.headers["Location"].endswith("/second-factor/code")

    def act(self) -> requests.Response:
        return self.house.post("/second-factor/code", self.browser, recovery=self.codes[0])

    def check(self, last: int, *, died_after: bool) -> None:
        if died_after:
            del self.codes[0]
            last = self.act().status_code
        assert last == 303
        assert self.is_signed_in(self.browser)
        identity = self.store.sessions.of_uid(self.name)[0].identity
        left = self.store.second_factors.codes_left(identity.backend, identity.subject)
        assert left == 9 - died_after


class UserChanged(Kind):
    words = "UPDATE users SET"

    def prepare(self) -> None:
        self.browser = self.signed_in()

    def act(self) -> requests.Response:
        """Run the operator's command; what it says is told as the status of an answer."""
        command = [
            *self.house.command,
            "--config",
            str(self.house.file),
            "user",
            "set",
            self.name,
            "--group",
            "staff",
        ]
        self.command = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said, _ = self.command.communicate(timeout=60)
        answer = requests.Response()
        answer.status_code = 200 if self.command.returncode == 0 else 500
        assert self.command.returncode == 0 or said.startswith("Error: the database failed") or not said
        return answer

    def check(self, last: int, *, died_after: bool) -> None:
        found = self.store.users.by_uid(self.name)
        assert found
        assert found.groups == ("staff",)
        assert found.enabled
        assert self.is_signed_in(self.browser)


_TV = {"client_id": "tv", "client_secret": "k7Zq2mWx9Tb4Vd8Rf1Lc6Yp3"}
KINDS: dict[str, type[Kind]] = {
    "sign-in": SignIn,
    "issuance": IssuedToken,
    "code": Code,
    "refresh": Refresh,
    "refresh that rotates": RotatingRefresh,
    "device": Device,
    "session end": SessionEnd,
    "consent": Consent,
    "job accepted": JobAccepted,
    "job moved": JobMoved,
    "leave": Leave,
    "second factor": SecondFactor,
    "user changed": UserChanged,
}
