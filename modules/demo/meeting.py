"""The meeting page: it does with a token what Jitsi does, and shows what it finds."""

import hashlib
import json
import unicodedata
from urllib.parse import quote, urlencode

import jwt
import requests
from flask import Blueprint, Flask, redirect, render_template, request
from flask.typing import ResponseReturnValue

from issuer.jitsi.verdict import JitsiServer, judge_token
from issuer.web.language import Language
from issuer.world import Clock
from modules.demo.call import harden

KEY_TIMEOUT = 5.0
POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'"


class Meeting:
    """Stands in for one Jitsi server, whose key server is ours."""

    def __init__(self, app_id: str, algorithm: str, issuer: tuple[str, str], clock: Clock) -> None:
        """Keep how the server is set up; `issuer` is the public URL and the URL of the token instance."""
        self._app_id = app_id
        self._algorithm = algorithm
        self._public_url, self._token_url = issuer
        self._clock = clock

    def app(self, name: str) -> Flask:
        """Return the page as an application of its own."""
        app = Flask("issuer")
        routes = Blueprint("demo", __name__, template_folder="templates")
        routes.add_url_rule("/", "home", self.home)
        routes.add_url_rule("/start", "start", self.begin)
        routes.add_url_rule("/<path:place>", "room", self.room)
        app.register_blueprint(routes)
        language = Language(app, lambda _request: "")
        site = {"name": name, "demo": True}
        app.context_processor(lambda: {"site": site, "person": None, "lang": language.current()})
        app.after_request(harden(POLICY))
        return app

    def home(self) -> ResponseReturnValue:
        """Show what this page is, and a form for a room."""
        return render_template("demo/home.html")

    def begin(self) -> ResponseReturnValue:
        """Go to a room, as Jitsi's own start page does."""
        return redirect("/" + quote(request.args.get("room", ""), safe=""), 303)

    def room(self, place: str) -> ResponseReturnValue:
        """Enter a room: without a token, show the way to one; with one, judge it."""
        token, (tenant, _slash, room) = request.args.get("jwt"), place.rpartition("/")
        conference = _conference(room)
        if token is None:
            state = {"room": quote(room, safe=""), "roomSafe": conference, "tenant": tenant or None}
            asked = {"room": room, "state": json.dumps(state)}
            sign_in = f"{self._token_url}/login?{urlencode(asked, quote_via=quote)}"
            return render_template("demo/door.html", room=room, sign_in=sign_in)
        server = JitsiServer(
            issuers=[self._public_url],
            audiences=[self._app_id],
            algorithm=self._algorithm,
            fetch_key=self._fetch_key,
            room=conference,
        )
        findings = judge_token(token, server, self._clock.now())
        accepted = all(finding.ok for finding in findings)
        page = render_template(
            "demo/meeting.html", room=room, findings=findings, accepted=accepted, claims=_claims(token)
        )
        return page, 200 if accepted else 403

    def _fetch_key(self, kid: str) -> bytes | None:
        """Ask the key server as Prosody does: the hash of the `kid`, no redirects, 200 or nothing."""
        url = f"{self._token_url}/asap/{hashlib.sha256(kid.encode()).hexdigest()}.pem"
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(url, timeout=KEY_TIMEOUT, allow_redirects=False)
        except requests.RequestException:
            return None
        return answer.content if answer.status_code == 200 else None


def _conference(room: str) -> str:
    """Return the conference of a room, as Jitsi's client does (uri.ts, `getBackendSafeRoomName`)."""
    return quote(unicodedata.normalize("NFKC", room).lower(), safe="").lower()


def _claims(token: str) -> str:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return ""
    return json.dumps(claims, indent=2, ensure_ascii=False)
