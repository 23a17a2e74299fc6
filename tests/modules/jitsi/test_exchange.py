"""`POST /jitsi/matrix`: members of a Matrix room get a token for its conference."""

import base64
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from issuer.matrix import openid_caller
from issuer.settings.problems import ConfigError
from issuer.store import Quota
from tests.gateway import BuildGateway, LocalGateway
from tests.json_values import JSON, TEXT
from tests.modules.matrix.stub import ADMIN_TOKEN, ROOM, Home
from tests.upstream.authority import Authority
from tests.upstream.stub import Reply

ELEMENT = "https://element.example.com"
CONFERENCE = "efzg633nhjsxqylnobwgkltpojtq"
SECRET = "q7Zr2m-Xw9Kt4bVd" * 2
Build = Callable[..., LocalGateway]


@pytest.fixture
def home(authority: Authority) -> Iterator[Home]:
    server = Home(authority)
    server.levels = {"users": {server.alice: 50}}
    for name in ("bob", "mallory"):
        server.tokens[f"{name}-token"] = f"@{name}:{server.name}"
    server.members.append(f"@bob:{server.name}")
    server.profile |= {"displayname": "Alice in Wonderland", "avatar_url": "mxc://example.org/abc-DEF_1"}
    yield server
    server.close()


@pytest.fixture
def build(build_gateway: BuildGateway, home: Home, authority: Authority) -> Build:
    """Builds a gateway whose Jitsi instance answers Matrix users: `build({"rule": "1"}, domain="x")`."""

    def build(matrix: Mapping[str, Any] | None = None, named: bool = True, **changes: Any) -> LocalGateway:
        jitsi = {
            "server_url": "https://meet.example.com",
            "app_id": "jitsi",
            "app_secret": SECRET,
            "matrix": {"enabled": True, "origins": [ELEMENT], **(matrix or {})},
            **changes,
        }
        server = {"url": home.url, "access_token": ADMIN_TOKEN}
        data = {
            "modules": {"jitsi": jitsi},
            "matrix": {"homeservers": {home.name if named else "*": server}},
            "upstream": {
                "ca_file": str(authority.path),
                "connect_timeout": "1s",
                "allow_private_networks": True,
            },
        }
        return build_gateway(data, keys=())

    return build


@pytest.fixture
def build_once(build: Build) -> LocalGateway:
    return build()


def ask(gateway: LocalGateway, home: Home, who: str = "alice", **changes: Any) -> TestResponse:
    openid = {"access_token": f"{who}-token", "matrix_server_name": home.name, "token_type": "Bearer"}
    body = {"room_id": ROOM, "openid_token": openid, **changes}
    return post(gateway, body)


def post(gateway: LocalGateway, body: Any, origin: str | None = ELEMENT) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return gateway.client().post("/jitsi/matrix", data=data, headers={"Origin": origin} if origin else {})


def claims_of(answer: TestResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    assert answer.json
    assert set(answer.json) == {"jwt", "room", "url"}
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    found: dict[str, Any] = jwt.decode(
        answer.json["jwt"], SECRET, ["HS256"], audience="jitsi", options=options
    )
    return found


def errcode(answer: TestResponse) -> tuple[int, str]:
    assert answer.json
    assert set(answer.json) == {"errcode", "error"}
    return answer.status_code, answer.json["errcode"]


@pytest.mark.parametrize(
    ("quota", "named", "expected"),
    [
        ("OF_USER", True, 429),
        ("OF_HOMESERVER", True, 200),
        ("OF_ADDRESS", True, 200),
        ("OF_USER", False, 429),
        ("OF_HOMESERVER", False, 429),
        ("OF_ADDRESS", False, 429),
    ],
)
def test_what_matrix_users_write_into_the_record_has_a_quota(
    build: Build, home: Home, monkeypatch: pytest.MonkeyPatch, quota: str, named: bool, expected: int
) -> None:
    monkeypatch.setattr(openid_caller, quota, Quota(2, 600.0))
    gateway = build(named=named)
    refused = ask(gateway, home, "mallory")
    assert refused.status_code == 403, "whoever gets no token uses nothing up"
    assert [ask(gateway, home).status_code for _ in range(3)] == [200, 200, expected]
    if expected == 429:
        answer = ask(gateway, home)
        assert (errcode(answer)[1], answer.headers["Retry-After"]) == ("M_LIMIT_EXCEEDED", "300")
        others = ask(gateway, home, "bob").status_code
        assert others == (200 if quota == "OF_USER" else 429)
        assert len(gateway.parts.store.issuances.search(limit=100)) == 2 + (others == 200)
        gateway.clock.advance(300)
        assert ask(gateway, home).status_code == 200


def test_a_member_gets_a_token_for_the_conference_of_the_room(build: Build, home: Home) -> None:
    gateway = build()
    answer = ask(gateway, home)
    now = int(gateway.clock.now())
    claims = claims_of(answer)
    assert base64.b32encode(ROOM.encode()).decode().rstrip("=").lower() == CONFERENCE
    assert len(claims.pop("jti")) > 20
    picture = f"{home.url}_matrix/media/v3/thumbnail/example.org/abc-DEF_1?width=96&height=96&method=crop"
    assert claims == {
        "iss": "https://auth.example.com/",
        "aud": "jitsi",
        "sub": "*",
        "room": CONFERENCE,
        "iat": now,
        "nbf": now - 10,
        "exp": now + 300,
        "context": {
            "user": {
                "id": home.alice,
                "name": "Alice in Wonderland",
                "avatar": picture,
                "affiliation": "owner",
            }
        },
    }
    assert answer.json
    assert (answer.json["room"], answer.json["url"]) == (CONFERENCE, f"https://meet.example.com/{CONFERENCE}")
    (row,) = gateway.parts.store.issuances.search()
    assert (row.module, row.backend, row.subject, row.room) == ("jitsi", "matrix", home.alice, CONFERENCE)


def test_a_plain_member_is_no_owner(build: Build, home: Home) -> None:
    home.profile.clear()
    user = claims_of(ask(build(), home, "bob"))["context"]["user"]
    assert user == {"id": f"@bob:{home.name}", "name": "bob", "affiliation": "member"}


@pytest.mark.parametrize("matrix", [{}, {"rule": "power_level >= state_default"}, {"rule": "deny"}], ids=str)
def test_who_is_no_member_gets_no_token(build: Build, home: Home, matrix: dict[str, Any]) -> None:
    gateway = build(matrix)
    for room in (ROOM, "!other:example.org"):
        assert errcode(ask(gateway, home, "mallory", room_id=room)) == (403, "M_FORBIDDEN")
    assert home.asked("profile") == 0
    assert gateway.parts.store.issuances.search() == []


def test_what_the_homeserver_does_not_vouch_for(build: Build, home: Home) -> None:
    gateway = build()
    assert errcode(ask(gateway, home, "invented")) == (401, "M_UNAUTHORIZED")
    home.tokens["stolen-token"] = "@alice:example.org"
    assert errcode(ask(gateway, home, "stolen")) == (401, "M_UNAUTHORIZED")
    home.broken["members"] = Reply(500)
    assert errcode(ask(gateway, home)) == (502, "M_UNKNOWN")
    assert home.asked("/members") == 1


def test_the_variables_of_expressions(build: Build, home: Home) -> None:
    names = [
        'user_id.startsWith("@alice:localhost:") && localpart == "alice"',
        'server_name.startsWith("localhost:") && room_id == "!room:example.org"',
        f'room == "{CONFERENCE}" && tenant == "" && is_member && ip == "127.0.0.1" && backend == "matrix"',
        "power_level == 50 && state_default == 50 && users_default == 0",
    ]
    user = {
        "name": 'display_name + "!"',
        "moderator": "power_level >= 50",
        "affiliation": "string(power_level)",
        "id": "localpart",
        "avatar": '"https://example.org/" + localpart',
    }
    gateway = build({"rule": " && ".join(names), "user": user})
    assert claims_of(ask(gateway, home))["context"]["user"] == {
        "id": "alice",
        "name": "Alice in Wonderland!",
        "avatar": "https://example.org/alice",
        "affiliation": "50",
        "moderator": True,
    }


def test_the_other_claims_of_the_instance_hold_too(build: Build, home: Home) -> None:
    gateway = build(
        domain="meet.jitsi",
        features={"recording": "power_level >= 50", "transcription": 'inGroup("staff")'},
        wildcard_room="1",
        group='"matrix"',
        rule="deny",
    )
    claims = claims_of(ask(gateway, home))
    assert (claims["sub"], claims["room"]) == ("meet.jitsi", CONFERENCE), "never every conference"
    assert claims["context"]["features"] == {"recording": True, "transcription": False}
    assert claims["context"]["group"] == "matrix"


@pytest.mark.parametrize(
    "avatar",
    [
        "https://evil.example/x.png",
        "mxc://example.org/../x",
        "mxc://example.org/a?b",
        "mxc://a b/x",
        "mxc://example.org",
        "",
        "x" * 5000,
    ],
)
def test_pictures_that_are_none(build: Build, home: Home, avatar: str) -> None:
    home.profile["avatar_url"] = avatar
    assert "avatar" not in claims_of(ask(build(), home))["context"]["user"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"room_id": NaN}', b'{"openid_token": 5}'])
def test_bodies_that_are_none(build: Build, home: Home, body: bytes) -> None:
    assert errcode(post(build(), body)) == (400, "M_NOT_JSON")
    assert home.server.seen == []


@pytest.mark.parametrize(
    "changes",
    [
        {"room_id": None},
        {"room_id": "no room"},
        {"room_id": "!" + "x" * 300},
        {"room_id": "!\ud800"},
        {"room_id": 5},
        {"openid_token": {}},
        {"openid_token": {"access_token": "x"}},
        {"openid_token": {"access_token": 5, "matrix_server_name": "example.org"}},
    ],
    ids=ascii,
)
def test_fields_that_cannot_be(build: Build, home: Home, changes: dict[str, Any]) -> None:
    assert errcode(ask(build(), home, **changes)) == (400, "M_BAD_JSON")
    assert home.server.seen == []


def test_pages_of_configured_origins_may_ask(build: Build, home: Home) -> None:
    gateway = build()
    client = gateway.client()
    preflight = client.options("/jitsi/matrix", headers={"Origin": ELEMENT})
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == ELEMENT
    assert preflight.headers["Access-Control-Allow-Methods"] == "POST"
    for answer in (ask(gateway, home), ask(gateway, home, "mallory"), post(gateway, b"")):
        assert answer.headers["Access-Control-Allow-Origin"] == ELEMENT
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    for origin in ("https://evil.example", f"{ELEMENT}.evil.example", "null", ELEMENT.upper(), None):
        headers = {"Origin": origin} if origin else {}
        for answer in (client.options("/jitsi/matrix", headers=headers), post(gateway, b"", origin)):
            assert "Access-Control-Allow-Origin" not in answer.headers, origin


def test_other_paths_are_the_portals(build: Build) -> None:
    client = build().client()
    assert errcode(client.get("/jitsi/matrix")) == (405, "M_UNRECOGNIZED")
    assert client.get("/jitsi/nothing").content_type.startswith("text/html")
    off = build({"enabled": False}).client()
    assert off.post("/jitsi/matrix").status_code == 404


def test_without_a_homeserver_it_does_not_start(build_gateway: BuildGateway) -> None:
    jitsi = {"server_url": "https://meet.example.com", "app_id": "j", "app_secret": SECRET}
    with pytest.raises(ConfigError, match=r"modules\.jitsi\.matrix\.enabled: needs a homeserver"):
        build_gateway({"modules": {"jitsi": {**jitsi, "matrix": {"enabled": True}}}}, keys=())


@pytest.mark.parametrize("option", ["rule", "user.name", "user.avatar"])
def test_expressions_that_do_not_compile(build: Build, option: str) -> None:
    outer, _, inner = option.partition(".")
    with pytest.raises(ConfigError, match=rf"modules\.jitsi\.matrix\.{option}"):
        build({outer: {inner: "1 +"} if inner else "1 +"})


def test_no_token_is_in_a_log(build: Build, home: Home, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        gateway = build()
        answers = [ask(gateway, home), ask(gateway, home, "mallory"), ask(gateway, home, "invented")]
    assert answers[0].json
    secrets = {answers[0].json["jwt"], "alice-token", "mallory-token", "invented-token", ADMIN_TOKEN}
    assert not any(secret in caplog.text for secret in secrets)
    assert "token_issued" in caplog.text
    assert "token_refused" in caplog.text


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_strangers_bodies(build_once: LocalGateway, home: Home, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["bytes", "json", "room", "token"]))
    if kind == "bytes":
        answer = post(build_once, data.draw(st.binary(max_size=200)))
    elif kind == "json":
        answer = post(build_once, data.draw(JSON))
    elif kind == "room":
        answer = ask(build_once, home, room_id=data.draw(JSON | TEXT.map("!".__add__)))
    else:
        token = {"access_token": data.draw(TEXT), "matrix_server_name": data.draw(TEXT)}
        answer = ask(build_once, home, openid_token=data.draw(JSON | st.just(token)))
    assert answer.status_code in {200, 400, 401, 403}, answer.text
    assert answer.status_code == 200 or errcode(answer)[1].startswith("M_")
