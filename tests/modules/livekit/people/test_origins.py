"""Who may ask with a session, and from which pages."""

from typing import Any

import pytest

from issuer.errors import (
    ForbiddenError,
    GatewayError,
    HeaderRefusedError,
    IdentityRefusedError,
    Refusal,
    StepUpRequiredError,
)
from modules.livekit.people.errors import error_body
from tests.modules.livekit.people.asking import APP, BODY, PORTAL, SPA, Stage, refused


def test_unauthorized_access(stage: Stage) -> None:
    """The seed's acceptance criteria, by name: the token decodes to the expected room and identity;
    unauthorised gets 403; the expiry is within bounds; and its tests: a missing authentication header, bad
    room identifiers (a property test: nothing outside the pattern ever reaches a token), a configuration
    whose bounds contradict (the seed's "expired config").
    """
    answer = stage.ask(identity=None)
    refused(stage, answer, "signed_out")
    assert answer.json
    assert answer.json["signIn"] == f"{PORTAL}/login"
    assert "WWW-Authenticate" not in answer.headers
    client = stage.gateway.client()
    client.set_cookie("__Host-issuer_session", "made-up")
    refused(stage, stage.send(client, BODY), "signed_out")
    refused(stage, stage.send(client, b"not even JSON"), "signed_out")


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({"Origin": APP}, True),
        ({"Origin": PORTAL}, True),
        ({"Origin": None, "Sec_Fetch_Site": "same-origin"}, True),
        ({"Origin": APP, "Sec_Fetch_Site": "same-site"}, True),
        ({"Origin": None}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": SPA}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": APP + "/"}, False),
        ({"Origin": APP + ":444"}, False),
        ({"Origin": APP.replace("https", "http")}, False),
        ({"Origin": APP.upper()}, False),
        ({"Origin": f"{APP}, https://evil.example"}, False),
        ({"Origin": "https://evil.example", "Sec_Fetch_Site": "same-origin"}, False),
        ({"Origin": None, "Sec_Fetch_Site": "same-site"}, False),
        ({"Origin": None, "Sec_Fetch_Site": "cross-site"}, False),
        ({"Origin": None, "Sec_Fetch_Site": "none"}, False),
        ({"Origin": None, "Referer": APP}, False),
    ],
)
def test_a_session_counts_only_from_a_page_that_may(
    stage: Stage, headers: dict[str, Any], good: bool
) -> None:
    answer = stage.ask(**headers)
    if good:
        stage.claims(answer)
    else:
        refused(stage, answer, "origin")


@pytest.mark.parametrize("origin", [APP, PORTAL])
def test_a_configured_page_may_read_the_answer(stage: Stage, origin: str) -> None:
    for answer in (
        stage.ask(Origin=origin),
        stage.ask(identity=None, Origin=origin),
        stage.ask({}, Origin=origin),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
        assert answer.headers["Vary"] == "Origin"
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_preflight_is_answered_for_configured_origins_only(stage: Stage) -> None:
    answer = stage.ask(b"", identity=None, method="OPTIONS", Origin=APP)
    assert (answer.status_code, answer.data) == (204, b"")
    assert {name: value for name, value in answer.headers if name.startswith("Access-Control-")} == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "Content-Type, Authorization",
        "Access-Control-Max-Age": "600",
    }
    spa = stage.ask(b"", identity=None, method="OPTIONS", Origin=SPA)
    assert (spa.status_code, spa.headers["Access-Control-Allow-Origin"]) == (204, SPA)
    assert "Access-Control-Allow-Credentials" not in spa.headers
    for origin in ("https://evil.example", "null", None):
        other = stage.ask(b"", identity=None, method="OPTIONS", Origin=origin)
        refused(stage, other, "origin")
        assert not any(name.startswith("Access-Control-") for name, _ in other.headers)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_there_is_no_other_method(stage: Stage, method: str) -> None:
    answer = stage.ask(method=method)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StepUpRequiredError("why", 3), "rule"),
        (ForbiddenError("why"), "rule"),
        (HeaderRefusedError("why"), "sign_in"),
        (IdentityRefusedError("why"), "sign_in"),
    ],
)
def test_every_refusal_of_a_person_has_a_reason(error: GatewayError, reason: str) -> None:
    told = error_body(Refusal(error.status, error), "/login")
    assert (told["error"], told["reason"], "why" in told["message"]) == ("forbidden", reason, False)
