"""The invariants of the design, each with a test that breaks when it breaks.

A `kid` that never names two keys is in tests/keys/test_invariant.py; what survives SIGKILL of whole processes
in tests/acceptance; addresses that the guard refuses in tests/upstream and tests/matrix.
"""

import io
import json
import logging
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from sqlalchemy import create_engine, inspect, text
from werkzeug.test import TestResponse

from issuer.backends.local import LocalUsers
from issuer.observability.logs import JsonLines
from issuer.observability.metrics import PrometheusMetrics
from tests.gateway import PUBLIC_URL, BuildGateway, LocalGateway
from tests.node import Node

SECRET = "SeCrEtMaRkEr0123456789abcdef0123456789abcdef"
PASSWORD = "pAsSwOrDmArKeR"
TYPED = "tYpEdMaRkEr"
JWT = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")
OURS = {"Sec-Fetch-Site": "same-origin"}
SESSION, BROWSER = "__Host-issuer_session", "__Host-issuer_browser"
JITSI = {"server_url": "https://meet.example.com", "app_id": "jitsi"}
MODULES: dict[str, dict[str, Any]] = {
    "jitsi": {**JITSI, "app_secret": SECRET},
    "ring": {**JITSI, "type": "jitsi", "algorithm": "RS256", "token_in": "fragment"},
    "closed": {**JITSI, "type": "jitsi", "app_secret": SECRET, "rule": "0"},
}


class Told:
    """Everything that the log was told, as its handlers would write it."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.handlers = [logging.StreamHandler(self.stream) for _ in range(2)]
        self.handlers[0].setFormatter(JsonLines())
        self.handlers[1].setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))

    @property
    def text(self) -> str:
        return self.stream.getvalue()


@pytest.fixture
def told() -> Iterator[Told]:
    found, root = Told(), logging.getLogger()
    level = root.level
    for handler in found.handlers:
        root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield found
    root.setLevel(level)
    for handler in found.handlers:
        root.removeHandler(handler)


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    data = {"modules": MODULES, "sign_in": {"account_attempts": 3}}
    gateway = build_gateway(data, users={"dwho": ("users",)})
    LocalUsers(gateway.parts.services).add("rtyler", PASSWORD, {"cn": "Rose"}, ())
    return gateway


def sign_in(client: FlaskClient, login: str, password: str) -> TestResponse:
    return client.post("/login", data={"login": login, "password": password, "next": "/"}, headers=OURS)


def drive(gateway: LocalGateway) -> list[TestResponse]:
    """Use every route, rightly and wrongly, with markers wherever a secret can be."""
    client = gateway.client()
    answers = [
        sign_in(client, "rtyler", PASSWORD),
        sign_in(gateway.client(), "rtyler", TYPED),
        sign_in(gateway.client(), TYPED, PASSWORD),
        sign_in(gateway.client(), "rtyler", TYPED * 300),
        *(sign_in(gateway.client(), "dwho", TYPED) for _ in range(5)),
    ]
    paths = {str(rule) for rule in gateway.app.url_map.iter_rules()}
    for path in sorted(paths):
        full = re.sub(r"<[^>]+>", "x1", path)
        for query in (
            "",
            "?room=monday",
            f"?room=a&jwt={TYPED}",
            "?room=a/b",
            "?next=//evil.example",
            "?room=%FF",
        ):
            for method in ("GET", "HEAD", "POST", "PUT"):
                if method == "POST" and full in {"/logout", "/sessions/end-others", "/login"}:
                    continue
                answers.append(client.open(full + query, method=method, headers=OURS, buffered=True))
    headers = {"Authorization": f"Bearer {TYPED}", "X-Forwarded-For": TYPED, "Origin": TYPED}
    answers += [client.get(path, headers=headers) for path in ("/", "/nothing", "/ring/login?room=a")]
    answers.append(client.post("/logout", headers=OURS))
    return answers


def stored(gateway: LocalGateway) -> str:
    engine = create_engine(gateway.parts.settings.store_url)
    with engine.connect() as connection:
        tables = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
        found = {
            name: [tuple(row) for row in connection.execute(text(f'SELECT * FROM "{name}"'))]
            for name in tables
        }
    engine.dispose()
    assert all(found[name] for name in ("users", "issuances", "attempts", "known_browsers"))
    return repr(found)


def cookies(answers: list[TestResponse]) -> set[str]:
    lines = [line for answer in answers for line in answer.headers.getlist("Set-Cookie")]
    values = {line.partition("=")[2].partition(";")[0] for line in lines}
    return {value for value in values if len(value) > 20}


def test_invariant_1_no_secret_in_any_log_error_or_table(gateway: LocalGateway, told: Told) -> None:
    """No token, secret, password, cookie or OpenID token in any log, error, metric or table."""
    other = gateway.sign_in("dwho")
    answers = drive(gateway)
    tokens = {token for answer in answers for token in JWT.findall(f"{answer.headers}{answer.text}")}
    ids = cookies(answers)
    assert len(tokens) >= 4, "tokens were handed out, or nothing is shown"
    assert len(ids) >= 2
    assert "token_issued" in told.text
    kept = other.get_cookie(SESSION)
    assert kept
    forbidden = {SECRET, PASSWORD, TYPED, kept.value, *ids}
    forbidden |= {part for token in tokens for part in token.split(".")[1:]}
    private = [
        line
        for key in gateway.parts.settings.keys.directory.glob("*.json")
        for line in pem_lines(key.read_text())
    ]
    assert private
    for place, content in (("log", told.text), ("table", stored(gateway))):
        found = [secret for secret in [*forbidden, *private] if secret in content]
        assert not found, place
    for answer in answers:
        errors = f"{answer.text}" if answer.status_code >= 400 else ""
        assert not [secret for secret in {SECRET, PASSWORD, *ids} if secret in errors]
        assert TYPED not in errors or 'name="login"' in errors, "but in the field that it was typed into"
        assert SECRET not in f"{answer.headers}{answer.text}"


def pem_lines(key_file: str) -> list[str]:
    return [line for line in json.loads(key_file)["private_key"].splitlines()[1:-1] if len(line) > 40]


def test_invariant_1_no_person_or_room_in_a_metric() -> None:
    metrics = PrometheusMetrics()
    metrics.issuance("jitsi", "issued")
    metrics.sign_in("failed")
    labels = set(re.findall(r'(\w+)="', generate_latest(metrics.registry).decode()))
    assert labels == {"instance", "outcome"}


PIECES = st.sampled_from(
    [
        "//evil.example",
        "\\",
        "@evil.example",
        "%2f",
        "%5c",
        "..",
        ".",
        "#",
        "?",
        "&",
        ";",
        ":",
        "\t",
        "\r\n",
        "\u2028",
    ]
)
ARBITRARY = st.text(max_size=30) | st.lists(PIECES | st.characters(codec="utf-8"), max_size=6).map("".join)
PATHS = ["/login", "/jitsi/login", "/jitsi/start", "/ring/login", "/ring/start", "/logout"]


@example("/login", {"next": "//evil.example/"}, "", True)
@example("/login", {"next": "/\\evil.example/"}, "", True)
@example("/jitsi/login", {"room": "monday", "tenant": "a"}, "", True)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    st.sampled_from(PATHS),
    st.dictionaries(st.sampled_from(["room", "tenant", "state", "next"]), ARBITRARY, max_size=3),
    ARBITRARY,
    st.booleans(),
)
def test_invariant_2_no_redirect_to_a_host_that_is_not_configured(
    gateway: LocalGateway, node: Node, path: str, query: Mapping[str, str], more: str, known: bool
) -> None:
    """No redirect to a host that is not configured, as a browser (WHATWG URL rules) reads it."""
    browser = gateway.sign_in("dwho") if known else gateway.client()
    whole = f"{path}/{quote(more, safe='')}" if more and path.endswith("/login") else path
    answer = browser.get(whole, query_string=dict(query))
    assert answer.status_code < 500
    if 300 <= answer.status_code < 400:
        place = node.url_resolve(answer.location, PUBLIC_URL + path.lstrip("/"))
        assert place
        assert place["protocol"] == "https:"
        assert place["hostname"] in {"auth.example.com", "meet.example.com"}
        assert (place["port"], place["username"], place["password"]) == ("", "", "")


@pytest.mark.parametrize(
    "rule",
    [
        "0",
        "deny",
        "2",
        '"true"',
        "uid",
        "no_such_name",
        "1 / 0 == 1",
        "groups[99] == 'x'",
        "true && missing == 1",
    ],
)
def test_invariant_3_a_refused_or_failed_rule_never_yields_a_token(
    build_gateway: BuildGateway, rule: str
) -> None:
    """A refused or failed rule never yields a token; an unknown option in the file never passes silently."""
    rules: list[dict[str, Any]] = [
        {"rule": rule},
        {"rule": "1", "rooms": [{"match": "*", "rule": rule}]},
        {"rule": rule, "rooms": [{"match": "other", "rule": "1"}]},
    ]
    modules = {
        f"m{number}": {**MODULES["jitsi"], "type": "jitsi", **more} for number, more in enumerate(rules)
    }
    gateway = build_gateway({"modules": modules}, users={"dwho": ()})
    client = gateway.sign_in("dwho")
    for name in modules:
        for path in (f"/{name}/login?room=monday", f"/{name}/login/monday"):
            answer = client.get(path)
            assert answer.status_code == 403
            assert not JWT.search(f"{answer.headers}{answer.text}")
    assert gateway.parts.store.issuances.search() == []


def test_invariant_3_no_route_gives_a_token_without_a_record(gateway: LocalGateway) -> None:
    tokens = {t for answer in drive(gateway) for t in JWT.findall(f"{answer.headers}{answer.text}")}
    rows = gateway.parts.store.issuances.search(limit=10_000)
    assert len(tokens) == len(rows) > 0
    assert all(row.instance != "closed" for row in rows)


CRASH = """
import os, signal, sys
from pathlib import Path
from issuer.authentication.sessions import Visitor
from issuer.store import Store
from issuer.world import SystemClock
from tests.store.samples import issuance, session, user

store = Store.open(sys.argv[1], SystemClock())
store.migrate()
for number in range(100):
    store.users.add(user(f"user{number}", id=f"id{number}"))
    store.sessions.add(session(f"s{number}"))
    store.issuances.record(issuance(f"t{number}"))
    print(number, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.server
def test_invariant_5_what_was_answered_yes_survives_sigkill(tmp_path: Any) -> None:
    """What was answered "yes" survives `kill -9` of any process."""
    database = tmp_path / "issuer.db"
    done = subprocess.run(
        [sys.executable, "-c", CRASH, f"sqlite:///{database}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == -9, done.stderr
    said = len(done.stdout.split())
    assert said == 100
    with sqlite3.connect(database) as connection:
        for table in ("users", "sessions", "issuances"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (said,)
    connection.close()
