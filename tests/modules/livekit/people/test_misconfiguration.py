"""What contradicts stops the start, and says which option and what to do."""

from typing import Any

import pytest

from issuer.settings.problems import ConfigError
from tests.commands.shell import Commands
from tests.gateway import BuildGateway
from tests.modules.livekit.people.asking import IDENTITY_SECRET, section
from tests.modules.livekit.people.conftest import BuildStage

ISSUER = {"issuer": "https://idp.example.com/", "jwks_url": "https://idp.example.com/keys"}
PEOPLE = "modules.livekit.people"
CONFIGURATION = f"""\
public_url = "https://auth.example.com/"

[modules.livekit]
url = "wss://sfu.example.com"
api_key = "APIexample"
api_secret = ""

[modules.livekit.people]
identity_secret = "{IDENTITY_SECRET}"
maximum_lifetime = "30s"
"""


@pytest.mark.parametrize(
    ("people", "path", "text"),
    [
        ({"identity_secret": None}, f"{PEOPLE}.identity_secret", "required"),
        ({"identity_secret": ""}, f"{PEOPLE}.identity_secret", "is empty"),
        ({"identity_secret": "short-but-not-known"}, f"{PEOPLE}.identity_secret", "too short"),
        ({"identity_secret": "secret"}, f"{PEOPLE}.identity_secret", "everybody knows"),
        ({"minimum_lifetime": "6m"}, PEOPLE, "minimum_lifetime <= lifetime <= maximum_lifetime"),
        ({"maximum_lifetime": "4m"}, PEOPLE, "minimum_lifetime <= lifetime <= maximum_lifetime"),
        ({"lifetime": "2h"}, PEOPLE, "minimum_lifetime <= lifetime <= maximum_lifetime"),
        ({"lifetime": "0s"}, f"{PEOPLE}.lifetime", "more than nothing"),
        ({"room_pattern": "["}, f"{PEOPLE}.room_pattern", "is no regular expression"),
        ({"origins": ["https://app.example.net"]}, f"{PEOPLE}.origins", "of another site"),
        ({"origins": ["http://app.example.com"]}, f"{PEOPLE}.origins", "of another site"),
        ({"origins": ["https://app.example.com/x"]}, f"{PEOPLE}.origins.0", "an origin has no path"),
        ({"origins": ["*"]}, f"{PEOPLE}.origins.0", "not an http or https URL"),
        ({"audience": None, "trusted_issuers": [ISSUER]}, f"{PEOPLE}.trusted_issuers", "need an audience"),
        ({"trusted_issuers": [ISSUER, ISSUER]}, f"{PEOPLE}.trusted_issuers", "twice"),
        (
            {"trusted_issuers": [{**ISSUER, "jwks_url": "http://idp.example.com/keys"}]},
            f"{PEOPLE}.trusted_issuers.0.jwks_url",
            "must begin with https",
        ),
        (
            {"trusted_issuers": [{**ISSUER, "issuer": "local"}]},
            f"{PEOPLE}.trusted_issuers.0.issuer",
            "not an issuer",
        ),
        ({"rooms": [{"match": "x", "rule": "inGroup("}]}, "", f"{PEOPLE}.rooms.0.rule"),
        ({"name": "foo("}, "", f"{PEOPLE}.name"),
        ({"grants": {"publish": "foo("}}, "", f"{PEOPLE}.grants.publish"),
        ({"grants": {"publsh": "1"}}, f"{PEOPLE}.grants.publsh", "publish"),
        ({"orgins": []}, f"{PEOPLE}.orgins", "origins"),
    ],
)
def test_a_contradiction_stops_the_start(
    build_stage: BuildStage, people: dict[str, Any], path: str, text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        build_stage(people)
    told = [str(problem) for problem in caught.value.problems]
    assert any(problem.path == path and text in str(problem) for problem in caught.value.problems), told
    assert IDENTITY_SECRET not in "".join(told)


@pytest.mark.parametrize(
    ("tokens", "option"),
    [
        ({"maximum_lifetime": "50s", "default_lifetime": "20s"}, "minimum_lifetime"),
        ({"minimum_lifetime": "2h", "default_lifetime": "3h"}, "maximum_lifetime"),
    ],
)
def test_bounds_that_exclude_the_host_s_stop_the_start(
    build_stage: BuildStage, tokens: dict[str, str], option: str
) -> None:
    with pytest.raises(ConfigError, match=rf"{PEOPLE}\.{option}: .*tokens\."):
        build_stage(tokens=tokens)


def test_a_section_for_nobody_stops_the_start(build_gateway: BuildGateway) -> None:
    with pytest.raises(ConfigError, match="gives tokens to nobody"):
        build_gateway({"modules": {"livekit": {**section(), "people": None}}})


@pytest.mark.parametrize(
    ("public_url", "origin", "good"),
    [
        ("https://auth.example.com/", "https://example.com", True),
        ("https://example.com/", "https://a.b.example.com:8443", True),
        ("https://auth.example.co.uk/", "https://other.co.uk", False),
        ("https://me.github.io/", "https://you.github.io", False),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8082", True),
        ("http://127.0.0.1:8080/", "http://127.0.0.2:8080", False),
        ("http://localhost:8080/", "http://localhost:3000", True),
        ("http://[::1]:8080/", "http://[::1]:3000", True),
        ("https://auth.intranet/", "https://app.intranet", False),
    ],
)
def test_a_site_is_what_browsers_take_for_one(
    build_stage: BuildStage, public_url: str, origin: str, good: bool
) -> None:
    if good:
        build_stage({"origins": [origin]}, public_url=public_url)
        return
    with pytest.raises(ConfigError, match="of another site"):
        build_stage({"origins": [origin]}, public_url=public_url)


def test_issuer_check_says_why(tmp_path: Any) -> None:
    """The seed's acceptance criteria, by name: the token decodes to the expected room and identity;
    unauthorised gets 403; the expiry is within bounds; and its tests: a missing authentication header, bad
    room identifiers (a property test: nothing outside the pattern ever reaches a token), a configuration
    whose bounds contradict (the seed's "expired config").
    """
    commands = Commands(tmp_path, CONFIGURATION)
    told = commands.bad("check")
    assert "modules.livekit.people: must hold: minimum_lifetime <= lifetime <= maximum_lifetime" in told
    assert "modules.livekit.api_secret: is empty" in told
    commands.bad("serve")
