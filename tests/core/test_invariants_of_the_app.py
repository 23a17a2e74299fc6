"""Invariants 2 to 5 through the whole application: see test_invariants.py for the rest."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from pydantic import BaseModel

from issuer.authentication.sessions import hash_id
from issuer.backends.local import LocalSettings
from issuer.issuance import Issuance
from issuer.keys import rotate
from issuer.module import Module
from issuer.settings.base import Context
from issuer.settings.describe import sections
from issuer.settings.models import Settings
from issuer.settings.problems import ConfigError
from issuer.testing import PERSON, PUBLIC_URL, LocalGateway, open_gateway, tokens_in
from issuer.wiring.configuration import load as load_configuration
from issuer.wiring.configuration import parse
from issuer.wiring.plugins import MODULES, known, load
from issuer.wiring.services import key_retention
from tests.core.house import RING, House
from tests.core.logins import DATA
from tests.modules.livekit.calls import Homeserver
from tests.modules.livekit.sfu import Sfu
from tests.node import Node
from tests.upstream.authority import Authority

EVIL = (
    "//evil.example/x",
    "https://evil.example/",
    "/\\evil.example",
    "/\t/evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "/..//evil.example",
    "@evil.example",
    ".evil.example",
)
PARAMETERS = ("next", "room", "tenant", "state", "url", "redirect_uri", "return_to", "jwt")
HOSTS = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Prefix": "//evil.example",
    "X-Original-URL": "//evil.example",
    "Forwarded": "host=evil.example",
    "Referer": "https://evil.example/",
    "Origin": "https://evil.example",
    "Sec-Fetch-Site": "same-origin",
}
UNTIMED: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
OURS = {"auth.example.com", "meet.example.com"}


@pytest.fixture
def house(tmp_path: Path, authority: Authority, homeserver: Homeserver, sfu: Sfu) -> Iterator[House]:
    found = House(tmp_path, authority, homeserver, sfu)
    yield found
    found.close()


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def locations(gateway: LocalGateway, evil: str) -> Iterator[tuple[str, str]]:
    """Use every route with everything that a stranger controls; return the path and where it leads."""
    query, encoded = dict.fromkeys(PARAMETERS, evil), quote(evil, safe="")
    rules = [rule.rule for rule in gateway.app.url_map.iter_rules()]
    for path in [*(re.sub(r"<[^>]*>", encoded, rule) for rule in rules), f"/{encoded}"]:
        for client in (gateway.client(), gateway.sign_in_as(PERSON)):
            for method, form in (("GET", None), ("POST", query)):
                answer = client.open(path, method=method, query_string=query, headers=HOSTS, data=form)
                if "Location" in answer.headers:
                    yield path, str(answer.location)


@pytest.mark.parametrize("evil", EVIL)
def test_invariant_2_no_route_leads_to_a_host_that_is_not_configured(
    house: House, node: Node, evil: str
) -> None:
    """No redirect to a host that is not configured, as a browser (WHATWG URL rules) reads it."""
    found = {*locations(house.gateway, evil)}
    signed_in = house.gateway.send_form(house.gateway.client(), "dwho", evil)
    assert signed_in.status_code == 303
    found.add(("/login", str(signed_in.location)))
    assert len({location for _, location in found}) > 3
    for path, location in found:
        place = node.url_resolve(location, PUBLIC_URL + path.lstrip("/"))
        assert place, location
        assert place["protocol"] == "https:"
        assert place["hostname"] in OURS, (path, location)
        assert place["port"] == place["username"] == place["password"] == ""


MODELS: dict[str, type[BaseModel]] = {
    "": Settings,
    "backends.local": LocalSettings,
    **{f"modules.{name}": load(MODULES, name, Module).Settings for name in known(MODULES)},
}
SECTIONS = sorted({section.path for path, model in MODELS.items() for section in sections(model, path)})


@pytest.mark.parametrize("section", SECTIONS)
def test_invariant_3_no_section_takes_an_unknown_option(tmp_path: Path, section: str) -> None:
    """A refused or failed rule never yields a token; an unknown option in the file never passes silently."""
    data: dict[str, Any] = {"unknown_option": "1"}
    for part in reversed([*filter(None, section.split("."))]):
        data = {part.removesuffix("[]"): [data] if part.endswith("[]") else data}
    data["public_url"] = PUBLIC_URL
    with pytest.raises(ConfigError) as error:
        parse(data, Context({}, tmp_path))
    assert any(problem.path.endswith("unknown_option") for problem in error.value.problems)


@pytest.mark.parametrize("section", [section for section in SECTIONS if not section.endswith("[]")])
def test_invariant_3_no_variable_sets_an_unknown_option(section: str) -> None:
    """A refused or failed rule never yields a token; an unknown option in the file never passes silently."""
    name = "__".join(filter(None, ["ISSUER", *section.upper().split("."), "UNKNOWN_OPTION"]))
    with pytest.raises(ConfigError) as error:
        load_configuration(None, {"ISSUER__PUBLIC_URL": PUBLIC_URL, name: "1"})
    assert any(name in str(problem) for problem in error.value.problems)


@pytest.mark.parametrize("phase", ["_judge", "_times", "_row"])
def test_invariant_3_no_phase_that_fails_yields_a_token(
    house: House, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    """A refused or failed rule never yields a token; an unknown option in the file never passes silently."""

    def fail(*_: object) -> None:
        raise RuntimeError(phase)

    monkeypatch.setattr(Issuance, phase, fail)
    for answer in house.asks():
        assert answer.status_code == 500
        assert not tokens_in(answer)
    assert house.gateway.parts.store.issuances.search() == []


def test_invariant_4_keys_of_tokens_stay_and_names_of_keys_too(tmp_path: Path) -> None:
    """A `kid` never names two keys; a key that signed an unexpired token is still published.

    Every state that keys can be in is tried in tests/keys/test_invariant.py.
    """
    gateway = open_gateway(tmp_path, {"modules": {"jitsi": RING}}, key_uses=["jitsi"])
    settings, client = gateway.parts.settings, gateway.client()
    named: dict[str, str] = {}
    tokens: list[str] = []
    for _ in range(8):
        tokens += tokens_in(gateway.sign_in_as(PERSON).get("/jitsi/login?room=board"))
        for token in tokens:
            if claims_of(token)["exp"] > gateway.clock.now():
                kid = jwt.get_unverified_header(token)["kid"]
                pem = client.get(f"/jitsi/asap/{hashlib.sha256(kid.encode()).hexdigest()}.pem")
                assert pem.status_code == 200
                assert named.setdefault(kid, pem.text) == pem.text
                jwt.decode(token, pem.text, ["RS256"], options=UNTIMED, audience="jitsi")
                assert kid in str(client.get("/.well-known/jwks.json").json)
        rotate(settings.keys.directory, use="jitsi", clock=gateway.clock, retention=key_retention(settings))
        gateway.clock.advance(100)
    assert len(named) >= 4
    gateway.close()


@pytest.mark.server
def test_invariant_5_tokens_and_sessions_survive_sigkill(tmp_path: Path) -> None:
    """What was answered "yes" survives `kill -9` of any process.

    Of the processes of `issuer serve` under load: tests/acceptance/test_load.py.
    """
    command = [sys.executable, "-m", "tests.core.logins", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = [process.stdout.readline().split() for _ in range(60)]
        process.kill()
        said += [line.split() for line in process.stdout if line.endswith("\n")]
    sessions = [value for kind, value in said if kind == "session"]
    tokens = [value for kind, value in said if kind == "token"]
    assert len(sessions) >= 10
    assert len(tokens) >= 40
    gateway = open_gateway(tmp_path, DATA)
    issuances = gateway.parts.store.issuances
    assert all(issuances.by_token_id(claims_of(token)["jti"]) for token in tokens)
    assert all(gateway.parts.store.sessions.get(hash_id(session)) for session in sessions)
    gateway.close()
