"""Who may ask with a bearer token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import HMACAlgorithm

from issuer.bearer import RingKeys, TokenIssuer, TokenRefusedError
from issuer.identity import Identity
from tests.bearer.tokens import jwk, key_set, rsa_key, token
from tests.doctor import diagnosis
from tests.gateway import BuildGateway
from tests.modules.livekit.people.asking import ALICE, BODY, PORTAL, SPA, Stage, refused, section
from tests.modules.livekit.people.conftest import BuildStage
from tests.upstream.fixtures import BuildStub
from tests.upstream.stub import Reply, Stub

IDP = "https://idp.example.com/"
NOW = 1_800_000_000


@dataclass
class Provider:
    """A trusted issuer: its key set and its tokens."""

    stub: Stub
    stage: Stage

    def token(self, key: str = "idp", kid: str = "one", algorithm: str = "RS256", **changes: Any) -> str:
        claims = {"iss": IDP, "sub": "alice", "groups": ["staff"], "name": "Alice of the IdP", **changes}
        return token(rsa_key(key), kid, algorithm, **claims)

    @property
    def issued(self) -> int:
        return len(self.stage.gateway.parts.store.issuances.search())


@pytest.fixture
def build_provider(build_stage: BuildStage, build_stub: BuildStub) -> Callable[..., Provider]:
    def build(reply: Reply | None = None, **people: Any) -> Provider:
        stub = build_stub(lambda _: reply or key_set(jwk(rsa_key("idp"), "one")))
        issuer = {"issuer": IDP, "jwks_url": f"http://127.0.0.1:{stub.port}/keys"}
        return Provider(stub, build_stage({"trusted_issuers": [issuer], **people}, rule='inGroup("staff")'))

    return build


@pytest.fixture
def provider(build_provider: Callable[..., Provider]) -> Provider:
    return build_provider()


def test_a_bearer_token_says_who_asks(provider: Provider) -> None:
    """From any page or none, for it is no cookie that a browser adds by itself."""
    for origin in (None, SPA, "https://evil.example", "null"):
        answer = provider.stage.ask(bearer=provider.token(), Origin=origin)
        assert provider.stage.claims(answer)["name"] == "Alice of the IdP"
    rows = provider.stage.gateway.parts.store.issuances.search()
    assert {(row.backend, row.subject, row.uid) for row in rows} == {(IDP, "alice", "alice")}
    assert len(provider.stub.seen) == 1
    spa = provider.stage.ask(bearer=provider.token(), Origin=SPA)
    assert spa.headers["Access-Control-Allow-Origin"] == SPA
    assert "Access-Control-Allow-Credentials" not in spa.headers


def test_somebody_of_another_issuer_is_somebody_else(provider: Provider) -> None:
    namesake = Identity("local", "alice", "alice", {}, ("staff",))
    stage = provider.stage
    by_token = stage.claims(stage.ask(bearer=provider.token()))["sub"]
    assert stage.claims(stage.ask(bearer=provider.token(name="x")))["sub"] == by_token
    assert stage.claims(stage.ask(identity=namesake))["sub"] != by_token


def confused(provider: Provider) -> str:
    """HS256, signed with the public key."""
    public = rsa_key("idp").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head, payload, _ = provider.token().split(".")
    header = jwt.utils.base64url_encode(b'{"alg":"HS256","kid":"one","typ":"JWT"}').decode()
    signed = f"{header}.{payload}"
    signature = HMACAlgorithm(HMACAlgorithm.SHA256).sign(signed.encode(), public)
    assert head
    return f"{signed}.{jwt.utils.base64url_encode(signature).decode()}"


def unsigned(provider: Provider) -> str:
    header = jwt.utils.base64url_encode(b'{"alg":"none","kid":"one","typ":"JWT"}').decode()
    return f"{header}.{provider.token().split('.')[1]}."


REFUSED: dict[str, Callable[[Provider], str]] = {
    "another audience": lambda provider: provider.token(aud="other"),
    "no audience": lambda provider: provider.token(aud=None),
    "an untrusted issuer": lambda provider: provider.token("mallory", "evil", iss="https://evil.example/"),
    "an untrusted key": lambda provider: provider.token("mallory"),
    "expired": lambda provider: provider.token(exp=NOW),
    "not yet": lambda provider: provider.token(nbf=NOW + 120),
    "none": unsigned,
    "HS256": confused,
    "the gateway's own secret": lambda provider: provider.stage.ask().get_json()["token"],
    "no token": lambda _: "x",
    "nothing": lambda _: "",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_bad_bearer_token_is_refused(
    provider: Provider, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A bearer token with another audience, from an untrusted issuer, expired, `alg` none or HS256 signed
    with the public key, is refused.
    """
    bearer = REFUSED[kind](provider)
    before = provider.issued
    caplog.clear()
    caplog.set_level("DEBUG")
    answer = provider.stage.ask(bearer=bearer)
    assert answer.status_code == 403
    told = provider.stage.told(answer)
    assert (told["error"], told["reason"]) == ("forbidden", "bearer_token")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert provider.issued == before
    parts = [part for part in bearer.split(".") if len(part) > 1]
    assert not any(part in answer.text + caplog.text for part in parts)
    (line,) = (record for record in caplog.records if record.name == "issuer.audit")
    event: Any = line.msg
    assert event["reason"]
    told = {"event": "bearer_token_refused", "instance": "livekit", "address": "127.0.0.1"}
    assert {**event, **told} == event


def test_a_bad_bearer_token_is_not_made_good_by_a_session(provider: Provider) -> None:
    client = provider.stage.gateway.sign_in_as(ALICE)
    assert provider.stage.send(client, BODY).status_code == 200
    assert provider.stage.send(client, BODY, bearer="x").status_code == 403
    assert provider.stage.send(client, BODY, Authorization="Basic YTpi").status_code == 403


def test_the_rule_sees_what_the_token_says(provider: Provider) -> None:
    answer = provider.stage.ask(bearer=provider.token(groups=["guests"]))
    refused(provider.stage, answer, "rule")
    assert "WWW-Authenticate" not in answer.headers


def test_without_an_audience_no_bearer_token_is_taken(build_stage: BuildStage) -> None:
    stage = build_stage({"audience": None})
    refused(stage, stage.ask(bearer=token(rsa_key("idp"))), "bearer_token")


def test_an_issuer_that_cannot_be_reached_is_no_refusal(build_provider: Callable[..., Provider]) -> None:
    provider = build_provider(Reply(500))
    answer = provider.stage.ask(bearer=provider.token())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert provider.stage.told(answer)["error"] == "temporarily_unavailable"


def test_a_module_of_this_gateway_can_be_the_issuer(
    build_gateway: BuildGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With keys of the ring, and with the very person who signed in: the same participant."""

    @dataclass
    class Own:
        keys: RingKeys
        issuer: str = f"{PORTAL}/oidc"
        types: frozenset[str] | None = frozenset({"at+jwt"})

        def identity(self, claims: Mapping[str, Any]) -> Identity:
            if claims["sub"] != "subject-of-alice":
                raise TokenRefusedError("somebody who is gone")
            return ALICE

    gateway = build_gateway({"modules": {"livekit": section()}}, keys=("oidc",))
    ring = gateway.parts.keys
    own = Own(RingKeys(ring, "oidc"))
    monkeypatch.setattr(type(gateway.parts.modules["livekit"]), "token_issuers", lambda _: [own])
    found: TokenIssuer | None = gateway.parts.own_issuer(own.issuer)
    assert found is own
    stage = Stage(gateway)

    def ask(typ: str = "at+jwt", **changes: Any) -> Any:
        key = ring.signing_key("oidc", "RS256")
        claims = {"iss": own.issuer, "sub": "subject-of-alice", **changes}
        return stage.ask(bearer=token(key.private, key.kid, typ=typ, **claims))

    assert stage.claims(ask())["sub"] == stage.claims(stage.ask())["sub"]
    for answer in (ask(typ="JWT"), ask(aud="other"), ask(sub="gone"), ask(iss=f"{PORTAL}/other")):
        assert answer.status_code == 403
    assert len(gateway.parts.store.issuances.search()) == 2


def test_keys_that_are_not_there_are_not_asked_for_at_the_start(build_stage: BuildStage) -> None:
    issuer = {"issuer": IDP, "jwks_url": "https://idp.invalid/keys"}
    stage = build_stage({"trusted_issuers": [issuer]})
    assert stage.gateway.parts.own_issuer(IDP) is None
    stage.claims(stage.ask())


@pytest.mark.parametrize("path", ["/application/o/calls/jwks/", "/discovery/v2.0/keys?p=b2c_1_signin"])
def test_the_address_of_the_keys_is_taken_to_the_letter(
    build_stub: BuildStub, build_stage: BuildStage, path: str
) -> None:
    """Providers have some that end in a slash, or have a query."""
    stub = build_stub(lambda _: key_set(jwk(rsa_key("idp"), "one")))
    issuer = {"issuer": IDP, "jwks_url": f"http://127.0.0.1:{stub.port}{path}"}
    provider = Provider(stub, build_stage({"trusted_issuers": [issuer]}))
    provider.stage.claims(provider.stage.ask(bearer=provider.token()))
    assert [request.path for request in stub.seen] == [path]


def test_issuer_doctor_asks_for_the_keys(build_provider: Callable[..., Provider]) -> None:
    name = f"modules.livekit: {IDP}"
    assert diagnosis(build_provider().stage.gateway)[name] == ""
    gone = diagnosis(build_provider(Reply(302, headers={"Location": "/x"})).stage.gateway)[name]
    assert gone.startswith("no keys at http://127.0.0.1:")
    assert "status 302; redirects are not followed" in gone
