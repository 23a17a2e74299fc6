"""Login backends of tests: a directory that a test fills, breaks and watches, and a server elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import redirect, request
from flask.typing import ResponseReturnValue

from issuer.backend import Arrival, BackendSettings, Departure, FormBackend, RedirectBackend, RedirectSettings
from issuer.errors import BadRequestError, UnavailableError
from issuer.identity import Identity
from issuer.store import SessionRow
from issuer.wiring.plugins import load

ELSEWHERE = "https://elsewhere.example.com"


@dataclass
class People:
    """Who there is, by subject; the password is the user name. `down` breaks everything."""

    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    down: bool = False
    calls: list[str] = field(default_factory=list)

    def add(self, subject: str, uid: str, *groups: str, **attributes: Any) -> None:
        self.known[subject] = {"uid": uid, "groups": groups, "attributes": attributes}

    def ask(self, call: str) -> None:
        self.calls.append(call)
        if self.down:
            raise UnavailableError("it is down")

    def identity(self, instance: str, subject: str) -> Identity | None:
        found = self.known.get(subject)
        return found and Identity(instance, subject, **found)  # type: ignore[return-value]


PEOPLE: dict[str, People] = {}
"""By the name of the instance; emptied for every test."""


class DirectorySettings(BackendSettings):
    """A directory of a test."""


class Directory(FormBackend):
    Settings = DirectorySettings

    @property
    def people(self) -> People:
        return PEOPLE.setdefault(self.instance, People())

    def authenticate(self, login: str, password: str) -> Identity | None:
        self.people.ask("authenticate")
        found = next((s for s, person in self.people.known.items() if person["uid"] == login), None)
        return self.people.identity(self.instance, found) if found and password == login else None

    def refresh(self, identity: Identity) -> Identity | None:
        self.people.ask("refresh")
        return self.people.identity(self.instance, identity.subject)

    def knows(self, uid: str) -> bool:
        self.people.ask("knows")
        return uid.casefold() in {person["uid"].casefold() for person in self.people.known.values()}


class ElsewhereSettings(RedirectSettings):
    """Another server of a test."""


class Elsewhere(RedirectBackend):
    """Believes what the way back says: `subject`, `sid`, `end`, `auth_time`."""

    Settings = ElsewhereSettings
    claims: dict[str, Any]

    @property
    def people(self) -> People:
        return PEOPLE.setdefault(self.instance, People())

    def begin(self, departure: Departure) -> ResponseReturnValue:
        self.people.ask("begin")
        query = {"wanted": departure.wanted, "silent": departure.silent, "level": departure.level}
        query |= {"since": departure.since} if departure.since else {}
        return redirect(f"{ELSEWHERE}/{self.instance}?{urlencode(query)}")

    def complete(self) -> Arrival:
        self.people.ask("complete")
        wanted, subject = request.args.get("wanted", "/"), request.args.get("subject")
        if request.args.get("error"):
            raise BadRequestError("the other server said no")
        identity = self.people.identity(self.instance, subject) if subject else None
        end, since = (request.args.get(name, type=float) for name in ("end", "auth_time"))
        return Arrival(identity, wanted, request.args.get("sid"), end, since)

    def auth_level(self, identity: Identity) -> int:
        return int(identity.claims.get("level", self.settings.auth_level))  # type: ignore[call-overload, no-any-return]

    def routes(self) -> Iterable[Any]:
        return [("POST", "/backchannel", self.backchannel)]

    def backchannel(self) -> ResponseReturnValue:
        return str(self.services.store.sessions.end_upstream(self.instance, request.form["sid"]))

    def sign_out(self, session: SessionRow) -> str | None:
        self.people.ask("sign_out")
        return f"{ELSEWHERE}/{self.instance}/out"

    def destinations(self) -> Iterable[str]:
        return [ELSEWHERE]


KINDS = {"directory": Directory, "elsewhere": Elsewhere}


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> dict[str, People]:
    """The people of the backends of a test; the types `directory` and `elsewhere` can be configured."""
    PEOPLE.clear()

    def plugin(group: str, name: str, kind: Any) -> Any:
        return KINDS[name] if name in KINDS and group == "issuer.backends" else load(group, name, kind)

    monkeypatch.setattr("issuer.wiring.configuration.load_plugin", plugin)
    return PEOPLE
