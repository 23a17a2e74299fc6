"""What a process runs whose `Identity` has a field more: keeps one everywhere, and prints what comes back."""

from pathlib import Path
from typing import Any

from flask import Flask, Response

from issuer.authentication.flow import LoginFlow, LoginFlows
from issuer.authentication.sessions import PortalSessions, Visitor
from issuer.identity import Identity
from issuer.settings.models import SessionSettings, Settings
from issuer.store import Store
from issuer.web.cookies import Cookies
from modules.oidc.store.grants import Grant, Grants
from modules.oidc.store.tables import TABLES
from tests.fakes import FakeClock, FakeRandomness

NOW = FakeClock().now()


def run(folder: Path) -> None:
    """Print what a session, a pending sign-in and a grant say of the new field."""
    further: Any = {"shoe_size": "45"}
    who = Identity("local", "1", "dwho", {"cn": "The Doctor"}, **further)
    clock, randomness = FakeClock(), FakeRandomness()
    store = Store.open(f"sqlite:///{folder / 'issuer.db'}", clock, tables=[TABLES])
    store.migrate()
    sessions = PortalSessions(store, SessionSettings(), clock, randomness)
    found = sessions.find(sessions.start(who, Visitor("192.0.2.7", "")))
    _say("session", found.identity if found else None)
    _say("pending", _pending(store, who, clock, randomness))
    grants = Grants(store.database, clock)
    grants.add(Grant("g", "oidc", "wiki", who, NOW, ("openid",), NOW, NOW + 60))
    grant = grants.get("g")
    _say("grant", grant.identity if grant else None)
    store.close()


def _pending(store: Store, who: Identity, clock: FakeClock, randomness: FakeRandomness) -> Identity | None:
    settings = Settings.model_construct(public_url="http://127.0.0.1/")
    flows = LoginFlows(store, Cookies(settings), clock, randomness)
    app, answer = Flask("tests"), Response()
    with app.test_request_context():
        flows.keep(LoginFlow("/"), who, answer)
    with app.test_request_context(headers={"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}):
        flow = flows.current()
    return flow.identity if flow else None


def _say(place: str, identity: Any) -> None:
    print(place, getattr(identity, "shoe_size", None))
