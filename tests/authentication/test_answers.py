"""What every answer has: security headers, the language, errors for people and for programs."""

import logging
from typing import NoReturn

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from issuer.store import StoreError
from tests.authentication.conftest import USERS
from tests.gateway import BuildGateway, LocalGateway

OURS = {"Sec-Fetch-Site": "same-origin"}
JSON = {"Accept": "application/json"}


def every_kind_of_answer(gateway: LocalGateway) -> dict[str, TestResponse]:
    client, nobody = gateway.sign_in("dwho"), gateway.client()
    return {
        "page": client.get("/"),
        "form": nobody.get("/login"),
        "redirect": nobody.get("/"),
        "token": client.get("/jitsi/login?room=x"),
        "wrong password": nobody.post("/login", data={"login": "a", "password": "b"}, headers=OURS),
        "foreign form": nobody.post("/login"),
        "bad room": client.get("/jitsi/login?room=a/b"),
        "not found": nobody.get("/nothing"),
        "wrong method": nobody.delete("/login"),
        "too large": nobody.post("/login", data={"login": "a" * 70_000}, headers=OURS),
        "static": nobody.get("/static/style.css", buffered=True),
        "no static": nobody.get("/static/nothing.css"),
        "health": nobody.get("/healthz"),
        "keys": nobody.get("/.well-known/jwks.json"),
        "error": nobody.get("/breaks"),
        "store": nobody.get("/stuck"),
    }


def break_something(app: Flask) -> None:
    def breaks() -> NoReturn:
        raise RuntimeError("the sonic screwdriver has no wood setting")

    def stuck() -> NoReturn:
        raise StoreError("the database failed: disk full")

    app.add_url_rule("/breaks", "breaks", breaks)
    app.add_url_rule("/stuck", "stuck", stuck)


@pytest.fixture
def broken(gateway: LocalGateway) -> LocalGateway:
    break_something(gateway.app)
    return gateway


def test_every_answer_has_the_security_headers(broken: LocalGateway) -> None:
    answers = every_kind_of_answer(broken)
    statuses = {name: answer.status_code for name, answer in answers.items()}
    assert statuses == {
        "page": 200,
        "form": 200,
        "redirect": 303,
        "token": 302,
        "wrong password": 401,
        "foreign form": 403,
        "bad room": 400,
        "not found": 404,
        "wrong method": 405,
        "too large": 413,
        "static": 200,
        "no static": 404,
        "health": 200,
        "keys": 200,
        "error": 500,
        "store": 503,
    }
    for name, answer in answers.items():
        assert answer.headers["Content-Security-Policy"].split("; ") == policy_of(answer, name), name
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "Permissions-Policy" in answer.headers
        kept = {"static": "public, max-age=3600", "keys": "public, max-age=300"}.get(name, "no-store")
        assert answer.headers["Cache-Control"] == kept, name
        for header in set(answer.headers.keys()):
            assert len(answer.headers.getlist(header)) == 1 or header == "Set-Cookie", (name, header)


def policy_of(answer: TestResponse, name: str) -> list[str]:
    """The policy of an answer: a page names where its own forms lead, and what is no page leads nowhere."""
    if answer.mimetype != "text/html":
        return ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]
    leads_on = " https://meet.example.com" if name == "page" else ""
    own = ["style-src 'self'", "img-src 'self'", f"form-action 'self'{leads_on}"]
    return ["default-src 'none'", *own, "base-uri 'none'", "frame-ancestors 'none'"]


def test_without_https_there_is_no_strict_transport_security(build_gateway: BuildGateway) -> None:
    gateway = build_gateway({"public_url": "http://127.0.0.1:8080/"})
    assert "Strict-Transport-Security" not in gateway.client().get("/login").headers


def test_pages_have_no_inline_code(broken: LocalGateway) -> None:
    for name, answer in every_kind_of_answer(broken).items():
        if answer.mimetype == "text/html" and answer.data:
            lower = answer.text.lower()
            assert "<script" not in lower, name
            assert " style=" not in lower, name
            assert "<style" not in lower, name
            assert " onclick" not in lower, name


def test_static_files_are_asked_for_again_cheaply(gateway: LocalGateway) -> None:
    client = gateway.client()
    answer = client.get("/static/style.css", buffered=True)
    again = client.get("/static/style.css", headers={"If-None-Match": answer.headers["ETag"]}, buffered=True)
    assert again.status_code == 304
    assert "Content-Security-Policy" in again.headers


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nothing", 404, "not_found"),
        ("/logout/x", 404, "not_found"),
        ("/sessions/end-others", 405, "method_not_allowed"),
        ("/jitsi/login", 400, "missing_room"),
        ("/breaks", 500, "server_error"),
        ("/stuck", 503, "store_unavailable"),
    ],
)
def test_errors_are_pages_for_people_and_json_for_programs(
    broken: LocalGateway, path: str, status: int, code: str
) -> None:
    client = broken.sign_in("dwho")
    page = client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (page.status_code, page.mimetype) == (status, "text/html")
    assert "<h1>" in page.text
    assert client.get(path).mimetype == "text/html"
    answer = client.get(path, headers=JSON)
    assert (answer.status_code, answer.mimetype) == (status, "application/json")
    assert answer.get_json()["error"] == code
    assert set(answer.get_json()) <= {"error", "error_description", "error_id"}


def test_a_wrong_method_is_told_the_right_ones(gateway: LocalGateway) -> None:
    answer = gateway.client().get("/sessions/end-others")
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_a_body_that_is_too_large_is_told(gateway: LocalGateway) -> None:
    answer = gateway.client().post("/login", data={"login": "a" * 70_000}, headers=OURS | JSON)
    assert (answer.status_code, answer.get_json()["error"]) == (413, "too_large")


def test_an_unknown_error_has_an_id_that_is_in_the_log_too(
    broken: LocalGateway, caplog: pytest.LogCaptureFixture
) -> None:
    answer = broken.client().get("/breaks", headers=JSON)
    error_id = answer.get_json()["error_id"]
    assert len(error_id) == 12
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR and error_id in r.getMessage()]
    assert record.exc_info
    page = broken.client().get("/breaks")
    assert "screwdriver" not in page.text + answer.text
    assert any(r.getMessage().split()[1] in page.text for r in caplog.records if r.levelno == logging.ERROR)


def test_the_log_has_what_the_client_does_not_read(
    broken: LocalGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answer = broken.client().get("/stuck")
    assert answer.headers["Retry-After"] == "5"
    assert "disk full" not in answer.text
    assert "disk full" in caplog.text


def test_an_error_page_needs_no_store(gateway: LocalGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    client = gateway.sign_in("dwho")

    def fail(*_: object) -> NoReturn:
        raise StoreError("gone")

    monkeypatch.setattr(type(gateway.parts.store.sessions), "get", fail)
    assert client.get("/nothing").status_code == 404
    answer = client.get("/")
    assert (answer.status_code, answer.headers["X-Frame-Options"]) == (503, "DENY")
    assert "This service is busy" in answer.text
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("de-AT, en;q=0.5", "de"),
        ("es, fr-CA;q=0.8, de;q=0.9", "de"),
        ("es", "en"),
        ("*", "en"),
        (";;q=,", "en"),
        ("de;q=0", "en"),
        ("*, de;q=0.5", "de"),
    ],
)
def test_pages_speak_the_language_that_the_browser_wants(
    gateway: LocalGateway, header: str, language: str
) -> None:
    words = {"en": "Sign in", "fr": "Se connecter", "de": "Anmelden"}
    page = gateway.client().get("/login", headers={"Accept-Language": header}).text
    assert f'<html lang="{language}">' in page
    assert words[language] in page


def test_errors_speak_it_too(gateway: LocalGateway) -> None:
    answer = gateway.client().get("/nothing", headers=JSON | {"Accept-Language": "de"})
    assert answer.get_json()["error_description"] != "There is nothing at this address."


def test_a_path_cannot_begin_a_line_of_the_log(
    gateway: LocalGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    gateway.client().get("/jitsi/login/a%0A2026-01-01%20ERROR%20forged?room=%0A")
    gateway.sign_in("dwho").get("/jitsi/login/a%0A2026-01-01%20ERROR%20forged?room=%0A")
    assert caplog.records
    assert all("\n" not in record.getMessage() for record in caplog.records)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from(["Accept", "Accept-Language", "Cookie", "Origin", "Sec-Fetch-Site", "User-Agent"])
        | st.just("X-Forwarded-For"),
        st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60),
    ),
    st.sampled_from(["/", "/login", "/logout", "/sessions", "/sessions/x/end", "/nothing", "/jitsi/login"]),
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS"]),
)
def test_no_header_breaks_anything(
    gateway: LocalGateway, headers: dict[str, str], path: str, method: str
) -> None:
    answer = gateway.app.test_client(use_cookies=False).open(path, method=method, headers=headers)
    assert answer.status_code < 500
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_readiness_names_what_is_missing(
    build_gateway: BuildGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = build_gateway({}, users=USERS)

    def fail(*_: object) -> NoReturn:
        raise StoreError("gone")

    monkeypatch.setattr(type(gateway.parts.store), "check", fail)
    answer = gateway.client().get("/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready: store\n")
    assert gateway.client().get("/healthz").text == "ok\n"
