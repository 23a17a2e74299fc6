"""Pages that say what to do next, what the record has, and what it never has."""

import json
import logging
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import create_engine, select

from issuer.store.tables import metadata
from tests.gateway import BuildGateway, LocalGateway
from tests.modules.jitsi.meetings import HS256, RS256, SECRET, claims_of, instance, token_of

BAD = {
    "/jitsi/login": "No room was named.",
    "/jitsi/login?room=": "This cannot be the name of a room.",
    "/jitsi/login/": "No room was named.",
    "/jitsi/login?room=..": "This cannot be the name of a room.",
    "/jitsi/login/%2F%2Fevil.example": "This cannot be the name of a room.",
    "/jitsi/login?room=a%FF": "This cannot be the name of a room.",
    "/jitsi/login?room=a&room=b": "This link names two different rooms.",
    "/jitsi/login?room=a&tenant=a.b": "This link names a part of the Jitsi server that cannot exist.",
    "/jitsi/login?room=a&state={": "This link is damaged.",
    "/jitsi/login?room=a&state={}&state={}": "This link is damaged.",
    "/jitsi/login?room=a&state=%7B%22ios%22:1%7D": "This link is damaged.",
    "/jitsi/start": "No room was named.",
}
REMEDIES = ["Choose a name of letters", "Go back to Jitsi"]


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    rooms = [{"match": "staff*", "rule": 'inGroup("staff")'}, {"match": "broken", "rule": "missing == 1"}]
    return build_gateway(instance(rule='inGroup("users")', rooms=rooms), users={"dwho": ("users",)}, keys=())


@pytest.mark.parametrize("signed_in", [True, False])
def test_bad_requests_say_what_to_do(gateway: LocalGateway, signed_in: bool) -> None:
    client = gateway.sign_in("dwho") if signed_in else gateway.client()
    for url, text in BAD.items():
        answer = client.get(url)
        assert (url, answer.status_code) == (url, 400)
        assert text in answer.text
        assert any(remedy in answer.text for remedy in REMEDIES)
        assert 'href="/"' in answer.text
        assert "evil" not in answer.text
    assert gateway.parts.store.issuances.search() == []


def test_refusals_say_what_to_do(gateway: LocalGateway, caplog: pytest.LogCaptureFixture) -> None:
    gateway.add_user("stranger")
    caplog.set_level(logging.INFO)
    refused = [("dwho", "Staff-1"), ("dwho", "broken"), ("stranger", "x")]
    for uid, room in refused:
        answer = gateway.sign_in(uid).get("/jitsi/login", query_string={"room": room})
        assert answer.status_code == 403
        assert "You are not allowed to enter this room." in answer.text
        another = "Choose another room, or ask the people who run this service." in answer.text
        assert another is (uid == "dwho")
        assert ("No other room will help." in answer.text) is (uid == "stranger")
        assert "Location" not in answer.headers
    assert gateway.parts.store.issuances.search() == []
    events = audit_events(caplog)
    assert [event["event"] for event in events] == ["token_refused"] * 3
    assert [(event["user"], event["room"]) for event in events] == [
        ("dwho", "staff-1"),
        ("dwho", "broken"),
        ("stranger", "x"),
    ]
    assert events[1]["reason"] == "the rule failed: missing has no value"


@pytest.mark.parametrize(
    ("language", "text"),
    [("de", "Sie dürfen diesen Raum nicht betreten."), ("fr", "Vous n\u2019avez pas accès à cette salle.")],
)
def test_refusals_speak_the_language_of_the_browser(gateway: LocalGateway, language: str, text: str) -> None:
    headers = {"Accept-Language": language}
    answer = gateway.sign_in("dwho").get("/jitsi/login?room=staff", headers=headers)
    assert text in answer.text


def test_every_token_has_its_row_and_its_line(
    gateway: LocalGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = gateway.sign_in("dwho")
    answer = client.get("/jitsi/login?room=My+R%C3%B6om&tenant=Acme")
    found = claims_of(answer)
    row = gateway.parts.store.issuances.by_token_id(found["jti"])
    assert row
    assert (row.uid, row.backend, row.instance, row.module) == ("dwho", "local", "jitsi", "jitsi")
    assert (row.room, row.tenant, row.kid, row.address) == ("my röom", "acme", None, "127.0.0.1")
    assert (row.issued_at, row.expires_at) == (found["iat"], found["exp"])
    (event,) = audit_events(caplog)
    assert event["event"] == "token_issued"
    assert (event["token_id"], event["user"], event["room"]) == (found["jti"], "dwho", "my röom")
    for _ in range(2):
        client.get("/jitsi/login?room=x")
    assert len(gateway.parts.store.issuances.search()) == 3
    assert len(audit_events(caplog)) == 3


def audit_events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [
        event
        for record in caplog.records
        if record.name == "issuer.audit" and isinstance(record.msg, dict | list)
        for event in (record.msg if isinstance(record.msg, list) else [record.msg])
    ]


def everything_stored(gateway: LocalGateway) -> str:
    engine = create_engine(gateway.parts.settings.store_url)
    with engine.connect() as connection:
        rows = [tuple(row) for table in metadata.sorted_tables for row in connection.execute(select(table))]
    engine.dispose()
    assert len(rows) > 5
    return repr(rows)


def test_no_token_or_secret_is_written_down(
    build_gateway: BuildGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    modules = {
        "jitsi": {**HS256, "user": {"name": "missing", "affiliation": "1 / 0"}},
        "keyed": {**RS256, "type": "jitsi", "token_in": "fragment", "rooms": [{"match": "no", "rule": "0"}]},
    }
    gateway = build_gateway({"modules": modules}, users={"dwho": ()})
    client = gateway.sign_in("dwho")
    cookie = client.get_cookie("__Host-issuer_session")
    assert cookie
    state = json.dumps({"room": "x", "refreshToken": "r3fr3sh-s3cr3t", "android": True})
    tokens = [token_of(client.get(f"/{name}/login?room=x")) for name in modules for _ in range(3)]
    pages = [client.get(f"/keyed/login?{query}").text for query in ("room=no", "room=*", "state={", "")]
    app_page = client.get(f"/jitsi/login?{urlencode({'state': state})}").text
    assert "jwt=" in app_page
    written = caplog.text + "".join(repr(record.__dict__) for record in caplog.records)
    written += everything_stored(gateway) + "".join(pages) + repr(gateway.parts)
    secrets = [part for token in tokens for part in token.split(".")[1:]]
    for secret in [*secrets, SECRET, SECRET[:20], cookie.value, "r3fr3sh-s3cr3t"]:
        assert secret not in written
    assert "token_issued" in written
