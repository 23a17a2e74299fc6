"""The key server for Prosody, which keeps every answer of 200 until it restarts."""

import hashlib
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuer.keys import generate, list_keys, rotate
from issuer.wiring.services import key_retention
from modules.jitsi.asap import pem_name
from tests.gateway import BuildGateway, LocalGateway
from tests.modules.jitsi.meetings import RS256, instance, token_of


@pytest.fixture
def gateway(build_gateway: BuildGateway) -> LocalGateway:
    return build_gateway(instance(RS256), users={"dwho": ()})


@pytest.fixture
def prosody(gateway: LocalGateway) -> FlaskClient:
    return gateway.client()


def kids(gateway: LocalGateway, use: str = "jitsi") -> dict[str, str]:
    """Return the key names of a use by their states."""
    found = list_keys(gateway.parts.settings.keys.directory)
    return {str(key.state): key.kid for key in found if key.use == use}


def status(prosody: FlaskClient, kid: str) -> int:
    return prosody.get(f"/jitsi/asap/{pem_name(kid)}").status_code


def test_a_key_as_prosody_wants_it(gateway: LocalGateway, prosody: FlaskClient) -> None:
    answer = prosody.get(f"/jitsi/asap/{pem_name(kids(gateway)['active'])}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/x-pem-file"
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.data.startswith(b"-----BEGIN PUBLIC KEY-----\n")
    load_pem_public_key(answer.data)
    for name in ("Set-Cookie", "Content-Encoding", "Location", "Transfer-Encoding"):
        assert name not in answer.headers
    assert len(str(answer.headers)) < 2000


def test_head_is_get_without_the_body(gateway: LocalGateway, prosody: FlaskClient) -> None:
    path = f"/jitsi/asap/{pem_name(kids(gateway)['active'])}"
    got, head = prosody.get(path), prosody.head(path)
    assert head.status_code == 200
    assert head.data == b""
    assert list(head.headers) == list(got.headers)


def test_a_base_with_a_final_slash(gateway: LocalGateway, prosody: FlaskClient) -> None:
    name = pem_name(kids(gateway)["active"])
    answer = prosody.get(f"/jitsi/asap//{name}")
    assert answer.status_code == 200
    assert answer.data == prosody.get(f"/jitsi/asap/{name}").data


def test_keys_of_every_state_are_served_as_long_as_tokens_live(
    gateway: LocalGateway, prosody: FlaskClient
) -> None:
    directory = gateway.parts.settings.keys.directory
    retention = key_retention(gateway.parts.settings)
    token_of(gateway.sign_in("dwho").get("/jitsi/login?room=x"))
    rotate(directory, use="jitsi", clock=gateway.clock, retention=retention)
    gateway.clock.advance(11)
    states = kids(gateway)
    assert set(states) == {"active", "next", "retired"}
    assert {status(prosody, kid) for kid in states.values()} == {200}
    gateway.clock.advance(retention - 12)
    assert status(prosody, states["retired"]) == 200
    gateway.clock.advance(2)
    assert status(prosody, states["retired"]) == 404
    assert status(prosody, states["active"]) == 200


def test_keys_of_another_use_are_not_served(gateway: LocalGateway, prosody: FlaskClient) -> None:
    directory = gateway.parts.settings.keys.directory
    generate(directory, use="oidc", kind="ed25519", clock=gateway.clock, retention=400)
    gateway.clock.advance(11)
    kid = kids(gateway, "oidc")["active"]
    assert status(prosody, kid) == 404
    assert kid in prosody.get("/.well-known/jwks.json").text
    assert kids(gateway)["active"] in prosody.get("/.well-known/jwks.json").text


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//",
        "/x.pem",
        "/.pem",
        "/{name}",
        "/{name}.PEM",
        "/{name}.pem.pem",
        "/{upper}.pem",
        "/{name}.pem/",
        "///{name}.pem",
        "/x/{name}.pem",
        "/..%2f{name}.pem",
        "/{name}.pem%0a",
        "/{name}%00.pem",
        "/%ff.pem",
        "/index.html",
        "/{kid}.pem",
        "/keys",
    ],
)
def test_anything_else_is_a_small_404(gateway: LocalGateway, prosody: FlaskClient, path: str) -> None:
    kid = kids(gateway)["active"]
    name = hashlib.sha256(kid.encode()).hexdigest()
    answer = prosody.get("/jitsi/asap" + path.format(name=name, upper=name.upper(), kid=kid))
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.data == b"no such key\n"
    assert "public" not in answer.headers["Cache-Control"]


def test_junk_never_gets_a_200(gateway: LocalGateway, prosody: FlaskClient) -> None:
    names = [pem_name(kid) for kid in kids(gateway).values()]
    pieces = st.sampled_from([*names, names[0][:-4], ".pem", "/", "..", "%2f", "\n", "?"]) | st.text(
        max_size=9
    )

    @settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(pieces, max_size=4).map("".join))
    def throw(path: str) -> None:
        answer = prosody.get(f"/jitsi/asap/{quote(path)}")
        assert answer.status_code in {200, 404}
        if answer.status_code == 200:
            assert path.removeprefix("/") in names
            load_pem_public_key(answer.data)

    throw()
