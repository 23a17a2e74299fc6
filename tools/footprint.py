"""Print how much of our source requests enter: files, functions, changes from file to file.

    python -m tools.footprint [--list]

The application is the one that a worker of `issuer serve` loads, log included, on a database and keys of its
own. Its configuration has what nearly every one has: a rule for each module, and people who have consented.
Requests are given to it as WSGI calls, so the server below (`issuer.serving`) does not count. Every request
is sent several times and the smallest footprint counts: without what is done once (compiling, the first
connection) or now and then (a look into the folder of keys).

What counts is Python files of `issuer/` and `modules/` in which a function is called, on the thread of the
request; none of these requests gives work to another. A comprehension or generator expression is part of its
function. Neither generated methods (of dataclasses) nor templates count. A change is a call into another file
than that of our call before it.
"""

import argparse
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from click.testing import CliRunner
from werkzeug.test import Client, TestResponse

import issuer.cli
from issuer.commands.serve import load_app, stop_app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ROOT = Path(issuer.__file__).parent.parent
OURS = (f"{ROOT}/issuer/", f"{ROOT}/modules/")
PARTS_OF_FUNCTIONS = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>"})
TIMES = 4
STANDARD_ERROR = 2

URL = "https://auth.example.com"
REDIRECT = "https://wiki.example.com/callback"
SECRET = "k7Zq2mWx9Tb4Vd8Rf1Lc6Yp3"
USER = "dwho"
PASSWORD = "correct horse"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""That of the verifier (RFC 7636 appendix B)."""

CONFIGURATION = f"""\
public_url = "{URL}/"

[modules.jitsi]
server_url = "https://meet.example.com"
app_id = "jitsi"
algorithm = "RS256"
rule = 'inGroup("users")'

[modules.oidc]
rule = 'inGroup("users")'

[modules.oidc.clients.wiki]
secret = "{SECRET}"
redirect_uris = ["{REDIRECT}"]
"""
JITSI = "/jitsi/login?room=board"
AUTHORIZE = "/oidc/authorize?" + urlencode(
    {
        "response_type": "code",
        "client_id": "wiki",
        "redirect_uri": REDIRECT,
        "scope": "openid profile email groups",
        "state": "a-state",
        "nonce": "a-nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
)
EXCHANGE = {
    "grant_type": "authorization_code",
    "redirect_uri": REDIRECT,
    "code_verifier": VERIFIER,
    "client_id": "wiki",
    "client_secret": SECRET,
}


@dataclass(frozen=True)
class Footprint:
    """What a request entered."""

    functions: Mapping[str, frozenset[str]]
    """The qualified names of the functions, by file."""
    changes: int

    def __str__(self) -> str:
        count = sum(map(len, self.functions.values()))
        return f"{len(self.functions):3} files  {count:4} functions  {self.changes:4} changes"


def footprint_of(calls: Iterable[CodeType]) -> Footprint:
    """Return what calls, in their order, leave."""
    ours = [code for code in calls if code.co_filename.startswith(OURS) and code.co_filename.endswith(".py")]
    functions: defaultdict[str, set[str]] = defaultdict(set)
    for code in ours:
        if code.co_name not in PARTS_OF_FUNCTIONS:
            functions[str(Path(code.co_filename).relative_to(ROOT))].add(code.co_qualname)
    changes = sum(before.co_filename != code.co_filename for before, code in pairwise(ours))
    return Footprint({file: frozenset(names) for file, names in sorted(functions.items())}, changes)


class Recorder:
    """A WSGI application around another; it keeps what the last request called."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self.calls: list[CodeType] = []

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        """Answer a request, and record it until its answer is closed."""
        self.calls.clear()
        sys.setprofile(self._note)
        try:
            answer = self._app(environ, start_response)
            content = list(answer)
            if close := getattr(answer, "close", None):
                close()
        finally:
            sys.setprofile(None)
        return content

    def _note(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            self.calls.append(frame.f_code)


class LastForm(HTMLParser):
    """The last form of a page, after those of its head (signing out)."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep where the form goes, what its fields are called, and the first button that says something."""
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action, self.fields = found["action"], {}
        elif tag in {"input", "button"} and "name" in found:
            self.fields.setdefault(found["name"], found.get("value", ""))


class Browser:
    """What a person does at a gateway; every request is recorded."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._recorder = Recorder(app)
        self._client = Client(self._recorder)

    def footprint(self) -> Footprint:
        """Return that of the last request."""
        return footprint_of(self._recorder.calls)

    def get(self, path: str, expected: int) -> TestResponse:
        """Open a page."""
        return self._answered(self._client.get(path, base_url=URL), expected)

    def post(self, path: str, data: Mapping[str, str], expected: int, **headers: str) -> TestResponse:
        """Send a form."""
        return self._answered(self._client.post(path, data=data, headers=headers, base_url=URL), expected)

    def press(self, page: TestResponse, **typed: str) -> TestResponse:
        """Send the form of a page, as its own site does."""
        form = LastForm(page.get_data(as_text=True))
        return self.post(form.action, {**form.fields, **typed}, 303, **{"Sec-Fetch-Site": "same-origin"})

    def sign_in(self) -> None:
        """Sign in with a password."""
        self.press(self.get("/login", 200), login=USER, password=PASSWORD)
        if self._client.get("/", base_url=URL).status_code != 200:
            raise RuntimeError("signed in, and there is no session")

    def _answered(self, answer: TestResponse, expected: int) -> TestResponse:
        if answer.status_code != expected:
            raise RuntimeError(f"{answer.request.path}: {answer.status}, not {expected}")
        return answer


def code_in(answer: TestResponse) -> str:
    """Return the code that an authorization response gives a client."""
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def form_page(app: "WSGIApplication") -> Footprint:
    """Open the sign-in form."""
    browser = Browser(app)
    browser.get("/login", 200)
    return browser.footprint()


def password(app: "WSGIApplication") -> Footprint:
    """Send the sign-in form with the right password, in a browser that is not signed in."""
    browser = Browser(app)
    browser.press(browser.get("/login", 200), login=USER, password=PASSWORD)
    return browser.footprint()


def jitsi(browser: Browser) -> Footprint:
    """Go to a meeting."""
    browser.get(JITSI, 302)
    return browser.footprint()


def authorize(browser: Browser) -> Footprint:
    """Get a code for a client that was consented to."""
    code_in(browser.get(AUTHORIZE, 303))
    return browser.footprint()


def exchange(browser: Browser, app: "WSGIApplication") -> Footprint:
    """Let the client exchange a code for tokens."""
    code = code_in(browser.get(AUTHORIZE, 303))
    client = Browser(app)
    client.post("/oidc/token", {**EXCHANGE, "code": code}, 200)
    return client.footprint()


def smallest(measure: Callable[..., Footprint], *arguments: Any) -> Footprint:
    """Return the smallest footprint of several requests of a kind."""
    found = [measure(*arguments) for _ in range(TIMES)]
    return min(found, key=lambda footprint: (len(footprint.functions), footprint.changes))


def footprints(folder: Path) -> dict[str, Footprint]:
    """Return the footprint of each kind of request; `folder` is an empty directory for the gateway."""
    file = folder / "issuer.toml"
    file.write_text(CONFIGURATION)
    for use in ("jitsi", "oidc"):
        run(file, "keys", "generate", "--use", use, "--type", "rsa-2048")
    person = ("--group", "users", "--set", "cn=The Doctor", "--set", "mail=dwho@example.com")
    run(file, "user", "add", USER, *person, "--password-stdin", given=f"{PASSWORD}\n")
    app = load_app(issuer.cli.Shell(str(file), {}).configuration)
    try:
        browser = Browser(app)
        browser.sign_in()
        browser.press(browser.get(AUTHORIZE, 200))
        return {
            "sign-in form": smallest(form_page, app),
            "password sign-in": smallest(password, app),
            "Jitsi login": smallest(jitsi, browser),
            "OIDC authorize": smallest(authorize, browser),
            "code exchange": smallest(exchange, browser, app),
        }
    finally:
        stop_app(app)


def run(file: Path, *arguments: str, given: str | None = None) -> None:
    """Run an `issuer` command."""
    done = CliRunner().invoke(issuer.cli.main, ["--config", str(file), *arguments], input=given)
    if done.exit_code:
        raise RuntimeError(f"issuer {' '.join(arguments)}: {done.output}")


@contextmanager
def log_in(file: Path) -> Iterator[None]:
    """Let what is written to standard error, where the log goes, go into a file."""
    kept = os.dup(STANDARD_ERROR)
    try:
        with file.open("wb") as log:
            os.dup2(log.fileno(), STANDARD_ERROR)
        yield
    finally:
        os.dup2(kept, STANDARD_ERROR)
        os.close(kept)


def main() -> None:
    """Print a line for each kind of request."""
    parser = argparse.ArgumentParser(description="Print how much of our source requests enter.")
    parser.add_argument("--list", action="store_true", help="print the files, and how many functions of each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, log_in(Path(name, "log")):
        found = footprints(Path(name))
    for kind, footprint in found.items():
        print(f"{kind:18}{footprint}")
        for file, functions in footprint.functions.items() if options.list else ():
            print(f"    {len(functions):3}  {file}")


if __name__ == "__main__":
    main()
