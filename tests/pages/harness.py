"""The pages with what the portal gives them, on a server of their own: no session, no store, no module."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Thread
from types import SimpleNamespace
from typing import Any

from flask import Flask, Response, render_template, request
from flask_babel import Babel
from jinja2 import StrictUndefined
from werkzeug.serving import make_server

from issuer.authentication.factors.qr import qr_code
from issuer.errors import ForbiddenError

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
LANGUAGES = ["en", "fr", "de"]
MOMENT = datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle" * 2


@dataclass(frozen=True)
class Person:
    name: str
    uid: str
    initials: str


PERSON = Person("The Doctor", "dwho", "TD")


@dataclass(frozen=True)
class Case:
    """One state of one page."""

    template: str
    context: dict[str, object]
    person: Person | None = PERSON
    demo: bool = False
    name: str = "issuer"
    second_factor: bool = True


def _form(**changes: object) -> SimpleNamespace:
    values = {
        "action": "/jitsi/login",
        "field": "room",
        "label": "Name of the room",
        "placeholder": "monday-round",
        "button": "Start or join",
    }
    return SimpleNamespace(**(values | changes))


def _tile(title: str, text: str, icon: str, **changes: object) -> SimpleNamespace:
    return SimpleNamespace(
        **({"title": title, "text": text, "icon": icon, "href": None, "form": None} | changes)
    )


def _session(device: str, address: str, current: bool = False) -> SimpleNamespace:
    return SimpleNamespace(
        id=device.lower(), device=device, address=address, current=current, created=MOMENT, seen=MOMENT
    )


def _login(**changes: object) -> dict[str, object]:
    values: dict[str, object] = {
        "next": "/",
        "login": "",
        "error": None,
        "forms": True,
        "buttons": [],
        "service": None,
    }
    return {**values, "stronger": False} | changes


def _home(groups: list[str], tiles: list[Any], calls: Iterable[Any] = ()) -> dict[str, object]:
    return {"groups": groups, "tiles": tiles, "calls": calls}


def _error(**changes: object) -> dict[str, object]:
    values = {"status": 403, "title": ForbiddenError.description, "remedy": ForbiddenError.remedy}
    return {"description": None, "error_id": None, "home_link": True} | values | changes


def _set_up(**changes: object) -> dict[str, object]:
    uri = "otpauth://totp/issuer:dwho?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=issuer"
    return {"picture": qr_code(uri), "secret": ["JBSW"] * 8, "error": None, "required": False} | changes


def _factor(**changes: object) -> dict[str, object]:
    values = {
        "covered": True,
        "recent": True,
        "since": MOMENT,
        "left": 9,
        "required": False,
        "error": None,
        "about": "",
    }
    return values | changes


MEETING = _tile("Video meetings", "Start a meeting, or enter one by its name.", "video", form=_form())
TILES = [
    MEETING,
    _tile(
        "Board meetings",
        "The board, on a server of its own.",
        "video",
        form=_form(placeholder=""),
    ),
    _tile("Chat", "Matrix, in your browser.", "chat", href="/chat"),
    _tile("Notes", "Shared notes and minutes.", "unknown", href="/notes"),
]
LONG_TILES = [
    _tile(LONG, LONG, "apps", href="/x"),
    _tile(LONG, LONG, "apps", form=_form(label=LONG, button=LONG)),
]
LONG_CALLS = [SimpleNamespace(room=LONG, service=LONG, at=MOMENT, href="/x")]
BUTTONS = [
    SimpleNamespace(name="Example University", href="/login/uni", icon="building"),
    SimpleNamespace(name="GitHub", href="/login/github", icon="globe"),
]
CALLS = [
    SimpleNamespace(
        room="monday-round", service="Jitsi Meet", at=MOMENT, href="/jitsi/login?room=monday-round"
    ),
    SimpleNamespace(room="stage-1", service="LiveKit", at=MOMENT, href=None),
]
SESSIONS = [
    _session("Firefox on Linux", "192.0.2.17", current=True),
    _session("Safari on iPhone", "2001:db8:1234:5678:9abc:def0:1234:5678"),
    _session("Unknown browser", "198.51.100.200"),
]

CASES = {
    "login": Case("login.html", _login(service="Jitsi Meet"), person=None, demo=True),
    "login-failed": Case("login.html", _login(login="dwho", error="They do not match."), None),
    "login-choices": Case("login.html", _login(buttons=BUTTONS), None),
    "login-elsewhere": Case("login.html", _login(forms=False, buttons=BUTTONS), None),
    "login-stronger": Case(
        "login.html", _login(forms=False, buttons=BUTTONS, stronger=True, service="Jitsi Meet")
    ),
    "home": Case("home.html", _home(["users", "timelords", "jitsi-meet"], TILES, CALLS)),
    "home-one": Case("home.html", _home(["users", "timelords"], [MEETING]), demo=True),
    "home-empty": Case("home.html", _home([], [])),
    "home-long": Case(
        "home.html",
        _home([LONG, *(f"group-{number}" for number in range(40))], LONG_TILES, LONG_CALLS),
        Person(LONG, LONG, "DD"),
        name="Anmeldedienst der Universität Beispielstadt und ihrer Freunde",
        demo=True,
    ),
    "logout": Case("logout.html", {"signed_out": False}),
    "signed-out": Case("logout.html", {"signed_out": True}, None),
    "sessions": Case("sessions.html", {"sessions": SESSIONS}),
    "sessions-one": Case("sessions.html", {"sessions": SESSIONS[:1]}),
    "code": Case("second_factor_code.html", {"error": None, "by_recovery": False}, None),
    "code-recovery": Case("second_factor_code.html", {"error": "It is wrong.", "by_recovery": True}, None),
    "set-up": Case("second_factor_set_up.html", _set_up(required=True, error="It is wrong."), None),
    "recovery": Case("second_factor_recovery.html", {"codes": ["abcd-efgh-2345-6777"] * 10, "onward": "/"}),
    "factor": Case("second_factor.html", _factor(about="remove", error="It is wrong.", left=1)),
    "factor-off": Case("second_factor.html", _factor(since=None, required=True)),
    "factor-off-later": Case("second_factor.html", _factor(since=None, recent=False)),
    "error": Case("error.html", _error()),
    "error-unknown": Case(
        "error.html",
        _error(
            status=500,
            title="Something went wrong here.",
            description="Nobody knows why.",
            error_id="3f9a77c1d2",
        ),
        None,
        demo=True,
    ),
    "message": Case(
        "message.html",
        {
            "title": "Nearly there",
            "text": "One step is left.",
            "action": SimpleNamespace(label="Go on", href="/"),
        },
        None,
    ),
}


ROUTES = {
    "home.show": "/",
    "login.show": "/login",
    "login.submit": "/login",
    "sign_out.submit": "/logout",
    "sessions.show": "/sessions",
    "sessions.end": "/sessions/<handle>/end",
    "sessions.end_others": "/sessions/end-others",
    "second_factor.second_factor": "/second-factor",
    "second_factor.second_factor_code": "/second-factor/code",
    "second_factor.second_factor_set_up": "/second-factor/set-up",
    "second_factor.begin_second_factor": "/second-factor/begin",
    "second_factor.new_recovery_codes": "/second-factor/recovery-codes",
    "second_factor.remove_second_factor": "/second-factor/remove",
}
"""What the pages link to."""


def pages_app() -> Flask:
    """Serves each case at `/cases/<name>`; a name that a template uses and nobody gives is an error."""
    app = Flask("issuer")
    app.jinja_env.undefined = StrictUndefined
    Babel(app, locale_selector=lambda: request.accept_languages.best_match(LANGUAGES))
    for endpoint, rule in ROUTES.items():
        app.add_url_rule(rule, endpoint, lambda **arguments: "", methods=["GET", "POST"])

    @app.get("/cases/<name>")
    def show(name: str) -> tuple[str, int]:
        case = CASES[name]
        lang = request.accept_languages.best_match(LANGUAGES, "en")
        site = SimpleNamespace(name=case.name, demo=case.demo, second_factor=case.second_factor)
        page = render_template(case.template, **case.context, person=case.person, site=site, lang=lang)
        status = case.context.get("status", 200)
        return page, status if isinstance(status, int) else 200

    @app.after_request
    def guard(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return app


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Runs the application on a free port and gives its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
