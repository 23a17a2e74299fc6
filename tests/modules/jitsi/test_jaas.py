"""8x8's Jitsi as a Service: keys, claims and addresses of its own, beside a Jitsi of one's own."""

import json
import shutil
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from issuer.jitsi.verdict_jaas import judge_jaas
from issuer.keys import FixedKid, generate
from issuer.settings.problems import ConfigError
from tests.fakes import FakeClock
from tests.gateway import BuildGateway, LocalGateway, Templates
from tests.modules.jitsi.meetings import RS256, claims_of, instance, token_in, token_of
from tests.modules.jitsi.test_commands import Shell
from tests.node import Node

APP, OTHER = f"vpaas-magic-cookie-{'4f' * 16}", f"vpaas-magic-cookie-{'a1' * 16}"
JAAS = {"type": "jitsi", "preset": "jaas", "app_id": APP, "key_use": "jaas"}
CONFIGURATION = f"""\
public_url = "https://auth.example.com/"

[modules.jitsi]
server_url = "https://meet.example.com"
app_id = "jitsi"
algorithm = "RS256"

[modules.jaas]
type = "jitsi"
preset = "jaas"
app_id = "{APP}"
key_use = "jaas"

[modules.school]
type = "jitsi"
preset = "jaas"
app_id = "{OTHER}"
key_use = "jaas-school"
"""


def private_key() -> str:
    """A key as an operator makes one, whose public half they gave to 8x8."""
    key = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture
def shell(tmp_path: Path, gateway_templates: Templates) -> Shell:
    shutil.copytree(gateway_templates.keys / "jitsi", tmp_path / "keys")
    shell = Shell(tmp_path)
    shell.file.write_text(CONFIGURATION)
    for use, app_id in (("jaas", APP), ("jaas-school", OTHER)):
        kid = f"{app_id}/k1"
        done = shell.run("keys", "import", "-", "--use", use, "--fixed", "--kid", kid, given=private_key())
        assert done.exit_code == 0, done.output
    added = shell.run("user", "add", "dwho", "--password-stdin", given="correct horse\n")
    assert added.exit_code == 0, added.output
    return shell


def kids(shell: Shell) -> dict[str, str]:
    return {
        name: jwt.get_unverified_header(shell.token("--room", "x", name=name))["kid"]
        for name in ("jitsi", "jaas", "school")
    }


def test_a_rotation_touches_the_keys_of_our_own_jitsi_only(shell: Shell) -> None:
    """Two JaaS instances and a self-hosted Jitsi in one file: three keys, three `kid`s, `keys rotate` touches
    the third only.
    """
    before = kids(shell)
    assert len(set(before.values())) == 3
    assert (before["jaas"], before["school"]) == (f"{APP}/k1", f"{OTHER}/k1")
    done = shell.run("keys", "rotate")
    assert done.exit_code == 0, done.output
    assert "jaas: passed over, because its key is fixed.\n" in done.output
    after = kids(shell)
    assert [after[name] == before[name] for name in ("jitsi", "jaas", "school")] == [False, True, True]
    rows = [row.split()[1:4:2] for row in shell.run("keys", "list").output.splitlines()[1:]]
    assert [state for use, state in rows if use.startswith("jaas")] == ["active", "active"]
    check = shell.run("check")
    assert check.exit_code == 0, check.output
    assert "warn" not in check.output


def test_told_to_a_rotation_takes_the_key_that_is_there(shell: Shell) -> None:
    refused = shell.run("keys", "rotate", "--use", "jaas")
    assert refused.exit_code == 1
    assert "is fixed and has no next one" in refused.output
    kid = f"{APP}/k2"
    shell.run("keys", "import", "-", "--use", "jaas", "--fixed", "--kid", kid, given=private_key())
    assert kids(shell)["jaas"] == f"{APP}/k1"
    told = shell.run("keys", "rotate", "--use", "jaas")
    assert told.exit_code == 0, told.output
    assert kids(shell)["jaas"] == kid
    assert "next" not in told.output


def test_a_ring_of_fixed_keys_alone_is_left_as_it_is(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    (tmp_path / "issuer.toml").write_text(CONFIGURATION)
    made = shell.run("keys", "generate", "--use", "jaas", "--fixed", "--kid", f"{APP}/k1")
    assert made.exit_code == 0, made.output
    assert shell.run("keys", "rotate").output == "jaas: passed over, because its key is fixed.\n"
    assert "--fixed goes with --kid" in shell.run("keys", "generate", "--use", "x", "--fixed").output


def test_verify_judges_as_8x8_does(shell: Shell) -> None:
    for name in ("jaas", "school"):
        token = shell.token("--room", "My Room", name=name)
        done = shell.run("verify", token, "--instance", name, "--room", "My Room", "--jaas")
        assert done.exit_code == 0, done.output
        assert "ok   JaaS kid" in done.output
    foreign = shell.run("verify", shell.token("--room", "x"), "--jaas", "--room", "x")
    assert foreign.exit_code == 1
    for what in ("iss", "sub", "moderator", "features"):
        assert f"BAD  JaaS {what}" in foreign.output


@pytest.fixture
def jaas(build_gateway: BuildGateway, tmp_path: Path, gateway_templates: Templates) -> LocalGateway:
    folder = tmp_path / "ring"
    shutil.copytree(gateway_templates.keys / "jitsi", folder)
    kid = FixedKid(f"{APP}/k1")
    generate(folder, use="jaas", kind="rsa-2048", clock=FakeClock(), retention=60.0, kid=kid)
    data = instance(RS256) | {"keys": {"directory": str(folder)}}
    data["modules"]["jaas"] = {**JAAS, "features": {"recording": 'inGroup("staff")'}}
    data["modules"]["told"] = {**JAAS, "user": {"moderator": 'inGroup("staff")'}, "token_in": "fragment"}
    data["modules"]["untold"] = {**JAAS, "user": {"moderator": "int(uid) > 0"}, "token_in": "fragment"}
    return build_gateway(data, users={"dwho": ("staff",), "guest": ()}, keys=())


def test_the_token_is_what_8x8_documents(jaas: LocalGateway, node: Node) -> None:
    answer = jaas.sign_in("dwho").get("/jaas/login?room=My%20Room&tenant=else")
    assert answer.location.startswith(f"https://8x8.vc/{APP}/My%20Room?jwt=")
    claims, header = claims_of(answer), jwt.get_unverified_header(token_of(answer))
    assert (header["alg"], header["kid"]) == ("RS256", f"{APP}/k1")
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("chat", "jitsi", APP)
    assert claims["room"] == "my%20room"
    assert claims["context"]["user"]["moderator"] == "true"
    features = dict.fromkeys(("livestreaming", "transcription", "outbound-call"), False)
    assert claims["context"]["features"] == {**features, "recording": True}
    read = node.jitsi_read(str(answer.location))
    assert (read["tenant"], read["safe"]) == (APP, "my%20room")
    wrong = {fault["key"] for fault in node.jitsi_faults(token_of(answer))}
    assert wrong <= {"expInvalid", "nbfInvalid", "nbfFuture", "tokenExpired"}  # of a clock that stands still


def test_who_moderates_is_a_text(jaas: LocalGateway) -> None:
    for name, uid, text in (
        ("told", "dwho", "true"),
        ("told", "guest", "false"),
        ("untold", "dwho", "false"),  # the expression fails, and whoever is an owner otherwise is none here
    ):
        url = str(jaas.sign_in(uid).get(f"/{name}/login?room=x").location)
        claims: dict[str, Any] = jwt.decode(token_in(url), options={"verify_signature": False})
        assert claims["context"]["user"]["moderator"] == text


def test_the_key_servers_have_keys_of_their_own_use_alone(jaas: LocalGateway) -> None:
    client = jaas.client()
    (own,) = (key for key in jaas.parts.keys.public_keys("jaas"))
    assert client.get(f"/jaas/asap/{own.kid_sha256}.pem").status_code == 200
    assert client.get(f"/jitsi/asap/{own.kid_sha256}.pem").status_code == 404
    for key in jaas.parts.keys.public_keys("jitsi"):
        assert client.get(f"/jaas/asap/{key.kid_sha256}.pem").status_code == 404
    assert list(json.loads(client.get("/jaas/keys.json").text)) == [f"{APP}/k1"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"app_id": "jitsi"}, "must be the AppID of 8x8"),
        ({"key_use": "jitsi"}, "key_use is required with preset jaas"),
        ({"key_use": "oidc"}, "oidc is what other tokens are signed with"),
        ({"preset": "8x8"}, "preset"),
    ],
)
def test_what_cannot_be_is_found_at_start(
    build_gateway: BuildGateway, change: dict[str, str], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        build_gateway({"modules": {"jaas": {**JAAS, **change}}})


def test_a_key_that_8x8_does_not_know_is_named(build_gateway: BuildGateway, tmp_path: Path) -> None:
    folder = tmp_path / "ring"
    data = {"modules": {"jaas": JAAS}, "keys": {"directory": str(folder)}}
    generate(folder, use="jaas", kind="rsa-2048", clock=FakeClock(), retention=60.0)
    warnings = list(build_gateway(data, keys=()).parts.warnings())
    assert len(warnings) == 2
    assert f"--fixed --kid {APP}/<key id>" in warnings[0]


def test_what_is_no_token_has_no_further_findings() -> None:
    assert judge_jaas("x", []) == []
