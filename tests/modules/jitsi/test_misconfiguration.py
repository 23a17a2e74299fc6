"""What must never be found at the first login: each stops the start, and says what it is."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from issuer.cli import main
from issuer.settings.problems import ConfigError
from tests.gateway import BuildGateway
from tests.modules.jitsi.meetings import HS256, RS256, SECRET, SERVER, instance

NAMED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no server URL": ({"app_id": "jitsi", "app_secret": SECRET}, "server_url", "is required"),
    "no app id": ({"server_url": SERVER, "app_secret": SECRET}, "app_id", "is required"),
    "empty app id": ({**HS256, "app_id": ""}, "app_id", "at least 1 character"),
    "HS256 without secret": (
        {"server_url": SERVER, "app_id": "jitsi"},
        "app_secret",
        "is required with algo",
    ),
    "HS512 without secret": (
        {"server_url": SERVER, "app_id": "jitsi", "algorithm": "HS512"},
        "app_secret",
        "is required with algorithm HS512, at least 64 bytes",
    ),
    "HS256, short": ({**HS256, "app_secret": SECRET[:31]}, "app_secret", "31 bytes, and at least 32"),
    "HS384, short": (
        {**HS256, "algorithm": "HS384", "app_secret": SECRET[:47]},
        "app_secret",
        "47 bytes, and at least 48",
    ),
    "HS512, short": (
        {**HS256, "algorithm": "HS512", "app_secret": SECRET[:63]},
        "app_secret",
        "63 bytes, and at least 64",
    ),
    "a known secret": ({**HS256, "app_secret": "my_jitsi_app_secret"}, "app_secret", "everybody knows"),
    "RS256 without a key": (RS256, "algorithm", "issuer keys generate --use jitsi"),
    "RS512 without a key": ({**RS256, "algorithm": "RS512"}, "algorithm", "which RS512 needs"),
    "RS256 with a secret": ({**RS256, "app_secret": SECRET}, "app_secret", "is for HS* only"),
    "an algorithm that Jitsi does not know": (
        {**RS256, "algorithm": "ES256"},
        "algorithm",
        "'HS256', 'HS384'",
    ),
    "another one": ({**RS256, "algorithm": "EdDSA"}, "algorithm", "given: 'EdDSA'"),
    "none at all": ({**HS256, "algorithm": "none"}, "algorithm", "given: 'none'"),
    "a server URL that is none": ({**HS256, "server_url": "meet.example.com"}, "server_url", "must be like"),
    "a mistyped option": ({**HS256, "sever_url": SERVER}, "sever_url", 'did you mean "server_url"?'),
    "a mistyped claim": ({**HS256, "user": {"affilation": "1"}}, "user.affilation", '"affiliation"?'),
    "a mistyped source": ({**HS256, "app_secret_fil": "x"}, "app_secret_fil", 'mean "app_secret_file"?'),
    "a mistyped rule": ({**HS256, "rule": 'inGrup("x")'}, "rule", "did you mean inGroup?"),
    "a rule that does not compile": ({**HS256, "rule": "room =="}, "rule", "does not compile"),
    "the rule of a room": (
        {**HS256, "rooms": [{"match": "x", "rule": "f(1)"}]},
        "rooms.0.rule",
        "no function f",
    ),
    "a room that cannot be": ({**HS256, "rooms": [{"match": "a/b", "rule": "1"}]}, "rooms.0.match", "has /"),
    "a claim's expression": ({**HS256, "user": {"name": "cn +"}}, "user.name", "does not compile"),
    "a feature": ({**HS256, "features": {"recording": "f()"}}, "features.recording", "no function f"),
    "the wildcard": ({**HS256, "wildcard_room": "inGroup()"}, "wildcard_room", "takes 1 argument"),
}


@pytest.mark.parametrize("named", NAMED)
def test_misconfiguration_stops_the_start(build_gateway: BuildGateway, named: str) -> None:
    """Every misconfiguration named in jitsi.md stops the start with a message naming it; a mistyped option
    is reported with the nearest right name."""
    section, option, text = NAMED[named]
    with pytest.raises(ConfigError) as caught:
        build_gateway({"modules": {"jitsi": section}}, keys=())
    problems = [str(problem) for problem in caught.value.problems]
    assert len(problems) == 1
    assert f"modules.jitsi.{option}:" in problems[0]
    assert text in problems[0]
    assert SECRET[:31] not in problems[0]


def test_all_that_is_wrong_comes_at_once(build_gateway: BuildGateway) -> None:
    section = {"app_secret": "short", "pth": "/x", "algorithm": "HS384", "token_in": "header"}
    other = {**RS256, "type": "jitsi", "expiration": "5 weeks", "app_secret": SECRET}
    with pytest.raises(ConfigError) as caught:
        build_gateway({"modules": {"jitsi": section, "school": other}}, keys=())
    assert [problem.path for problem in caught.value.problems] == [
        "modules.jitsi.app_id",
        "modules.jitsi.app_secret",
        "modules.jitsi.pth",
        "modules.jitsi.server_url",
        "modules.jitsi.token_in",
        "modules.school.app_secret",
        "modules.school.expiration",
    ]


def test_a_disabled_instance_is_validated_all_the_same(build_gateway: BuildGateway) -> None:
    with pytest.raises(ConfigError, match=r"modules\.jitsi\.app_id: is required"):
        build_gateway({"modules": {"jitsi": {"enabled": False, "server_url": SERVER, "app_secret": SECRET}}})


def test_a_weak_secret_may_be_allowed(build_gateway: BuildGateway) -> None:
    build_gateway(instance(app_secret="short", allow_weak_secret=True), keys=())


@pytest.mark.parametrize("command", ["check", "serve"])
def test_the_command_names_it_too(tmp_path: Path, command: str) -> None:
    """Every misconfiguration named in jitsi.md stops the start with a message naming it; a mistyped option
    is reported with the nearest right name."""
    file = tmp_path / "issuer.toml"
    file.write_text(
        'public_url = "https://auth.example.com/"\n[modules.jitsi]\n'
        'server_url = "https://meet.example.com"\nap_id = "jitsi"\nalgorithm = "ES256"\n'
    )
    done = CliRunner().invoke(main, ["--config", str(file), command])
    assert done.exit_code == 1
    assert 'modules.jitsi.ap_id: unknown option; did you mean "app_id"?' in done.output
    assert "modules.jitsi.app_id: is required" in done.output
    assert "modules.jitsi.algorithm: Input should be 'HS256'" in done.output
