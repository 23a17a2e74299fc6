"""What stands in a token, and what never does."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuer.identity import Attribute, Identity
from issuer.jitsi.features import FEATURES
from issuer.jitsi.xmltext import forbidden_in_xml
from tests.gateway import BuildGateway, LocalGateway
from tests.modules.jitsi.meetings import HS256, RS256, claims_of, faults, instance, person, token_of
from tests.node import Node

EVERYTHING: dict[str, Any] = {
    "user": {
        "id": "attributes['employeeNumber']",
        "name": "displayName",
        "email": "mail",
        "avatar": "photo",
        "affiliation": 'inGroup("staff") ? "owner" : kind',
        "moderator": 'inGroup("staff")',
        "role": "role",
        "lobby_bypass": 'inGroup("staff")',
        "security_bypass": "accept2",
        "lobby": '!inGroup("staff")',
        "hidden_from_recorder": "1",
    },
    "room": {"lobby": 'room == "lobby"', "lobby_autostart": "true", "password": "pin"},
    "group": "ou",
    "tenant": "tenant",
    "features": {"recording": 'inGroup("staff")', "livestreaming": "0", "outbound-call": "missing"},
}
LONGEST = "\U0001f389\u0001" * 3000


def claims(gateway: LocalGateway, identity: Identity, query: str = "room=x") -> dict[str, Any]:
    return claims_of(gateway.sign_in_as(identity).get(f"/jitsi/login?{query}"))


def test_what_stands_in_a_plain_token(build_gateway: BuildGateway) -> None:
    gateway = build_gateway(instance(RS256))
    now = int(gateway.clock.now())
    found = claims(gateway, person(cn="The Doctor", mail="dwho@example.com"), "room=My+Room")
    assert isinstance(found.pop("jti"), str)
    assert found == {
        "iss": "https://auth.example.com/",
        "aud": "jitsi",
        "sub": "*",
        "room": "my%20room",
        "iat": now,
        "nbf": now - 10,
        "exp": now + 300,
        "context": {
            "user": {
                "id": "dwho",
                "name": "The Doctor",
                "email": "dwho@example.com",
                "affiliation": "owner",
            }
        },
    }


def test_configured_claims(build_gateway: BuildGateway) -> None:
    options = {"issuer": "my-issuer", "domain": "meet.jitsi", "expiration": "1h", "app_id": "other"}
    gateway = build_gateway(instance(**options) | {"main_identifier": "mail"}, keys=())
    found = claims(gateway, person(mail="dwho@example.com"))
    assert (found["iss"], found["aud"], found["sub"]) == ("my-issuer", "other", "meet.jitsi")
    assert found["exp"] - found["iat"] == 3600
    assert found["context"]["user"]["id"] == "dwho@example.com"
    assert claims(gateway, person(), "room=x&tenant=Acme")["sub"] == "acme"
    assert claims(gateway, person())["context"]["user"]["id"] == "dwho"


def test_every_claim_by_expression(build_gateway: BuildGateway) -> None:
    gateway = build_gateway(instance(**EVERYTHING), keys=())
    staff = person(
        ("staff",),
        employeeNumber=["7", "8"],
        displayName="D",
        mail=["a@x.org", "b@x.org"],
        photo="https://x.org/a.png",
        role="visitor",
        pin="1234",
        ou=["maths", "physics"],
        accept2="true",
    )
    assert claims(gateway, staff, "room=Lobby&tenant=acme")["context"] == {
        "user": {
            "id": "7",
            "name": "D",
            "email": "a@x.org",
            "avatar": "https://x.org/a.png",
            "affiliation": "owner",
            "moderator": True,
            "role": "visitor",
            "lobby_bypass": True,
            "security_bypass": False,
            "lobby": False,
            "hidden-from-recorder": True,
        },
        "room": {"lobby": True, "lobby_autostart": True, "password": "1234"},
        "group": "maths",
        "tenant": "acme",
        "features": {"recording": True, "livestreaming": False, "outbound-call": False},
    }


def test_what_is_absent_is_left_out(build_gateway: BuildGateway) -> None:
    gateway = build_gateway(instance(**EVERYTHING), keys=())
    empty = person(displayName=[], mail="", photo="\u0001\ufffe", ou=[""])
    assert claims(gateway, empty)["context"] == {
        "user": {"affiliation": "member", "moderator": False, "lobby_bypass": False, "lobby": True}
        | {"hidden-from-recorder": True},
        "room": {"lobby_autostart": True},
        "features": {"recording": False, "livestreaming": False, "outbound-call": False},
    }


def test_no_context_but_the_user_when_nothing_is_asked_for(build_gateway: BuildGateway) -> None:
    gateway = build_gateway(instance(room={"password": "pin"}, group="ou", tenant="ou"), keys=())
    assert claims(gateway, person())["context"] == {"user": {"id": "dwho", "affiliation": "owner"}}


@pytest.mark.parametrize("affiliation", ["missing", '["a"].size()[0]', '""', "null", '{"a": 1}', '"\\u0001"'])
def test_an_affiliation_that_fails_is_member(build_gateway: BuildGateway, affiliation: str) -> None:
    gateway = build_gateway(instance(user={"affiliation": affiliation}), keys=())
    assert claims(gateway, person())["context"]["user"]["affiliation"] == "member"


def test_a_no_of_one_person_does_not_switch_the_lobby_off_for_everybody(build_gateway: BuildGateway) -> None:
    """`lobby = 'inGroup("owners")'`: nobody but an owner has the claim. `features` with a wrong name: `check`
    names the right one.
    """
    gateway = build_gateway(instance(room={"lobby": 'inGroup("owners")'}), keys=())
    assert claims(gateway, person(("owners",)))["context"]["room"] == {"lobby": True}
    assert "room" not in claims(gateway, person(("staff",)))["context"]


@pytest.mark.parametrize(
    ("option", "text", "found"),
    [
        ("lobby", "false", {"lobby": False}),
        ("lobby", "true", {"lobby": True}),
        ("lobby", "deny", None),
        ("lobby", "1 == 2", None),
        ("lobby", "absent", None),
        ("lobby_autostart", 'inGroup("owners")', {"lobby_autostart": False}),
        ("lobby_autostart", "false", {"lobby_autostart": False}),
        ("lobby_autostart", "true", {"lobby_autostart": True}),
        ("lobby_autostart", "absent", None),
    ],
)
def test_what_a_no_writes_is_what_the_plugin_makes_of_it(
    build_gateway: BuildGateway, option: str, text: str, found: dict[str, bool] | None
) -> None:
    """jitsi-contrib, mod_token_security_ondemand.lua: `lobby` false destroys the lobby, absent does nothing;
    mod_token_lobby_autostart.lua: `lobby_autostart` false alone means off."""
    gateway = build_gateway(instance(room={option: text}), keys=())
    assert claims(gateway, person(("staff",)))["context"].get("room") == found


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("outbound_call", "outbound-call"),
        ("screensharing", "screen-sharing"),
        ("Recording", "recording"),
        ("live-streaming", "livestreaming"),
    ],
)
def test_a_feature_that_jitsi_does_not_know_is_named_with_the_right_one(
    build_gateway: BuildGateway, name: str, right: str
) -> None:
    """`lobby = 'inGroup("owners")'`: nobody but an owner has the claim. `features` with a wrong name: `check`
    names the right one.
    """
    gateway = build_gateway(instance(features={name: "1", "recording": "1"}), users={"dwho": ()}, keys=())
    (warning,) = gateway.parts.warnings()
    assert warning.startswith(f"modules.jitsi: features.{name}: ")
    assert warning.endswith(f'did you mean "{right}"?')
    token = token_of(gateway.sign_in("dwho").get("/jitsi/login?room=x"))
    (fault,) = faults(gateway, token, "x")
    assert right in fault


def test_a_feature_that_is_like_no_other(build_gateway: BuildGateway) -> None:
    gateway = build_gateway(instance(features={"xyz": "1"}), keys=())
    assert "it knows branding, calendar" in next(iter(gateway.parts.warnings()))


def test_the_client_knows_no_feature_that_we_do_not(build_gateway: BuildGateway, node: Node) -> None:
    """The client's own list is in its `validateJwt`, which names each that it does not know."""
    names = sorted(FEATURES)
    gateway = build_gateway(instance(features=dict.fromkeys(names, "1")), users={"dwho": ()}, keys=())
    token = token_of(gateway.sign_in("dwho").get("/jitsi/login?room=x"))
    unknown = {fault["args"]["feature"] for fault in node.jitsi_faults(token) if "args" in fault}
    assert unknown == {"live-translation-subscribe"}  # only the server knows it (mod_jitsi_permissions.lua)


def test_a_wildcard_only_by_its_expression(build_gateway: BuildGateway) -> None:
    modules = {
        "jitsi": {**HS256, "wildcard_room": 'inGroup("admins")'},
        "plain": {**HS256, "type": "jitsi"},
    }
    gateway = build_gateway({"modules": modules}, keys=())
    admin = gateway.sign_in_as(person(("admins",), room="*", tenant="*"))
    answer = admin.get("/jitsi/login?room=X")
    assert claims_of(answer)["room"] == "*"
    assert "/X?jwt=" in answer.location
    assert claims_of(admin.get("/plain/login?room=X"))["room"] == "x"
    assert claims(gateway, person())["room"] == "x"
    for asked in ("room=*", "room=%EF%BC%8A", "state=%7B%22room%22:%22*%22%7D", "room=x&tenant=*"):
        assert admin.get(f"/jitsi/login?{asked}").status_code == 400


def test_a_request_cannot_be_shadowed_by_attributes(build_gateway: BuildGateway) -> None:
    gateway = build_gateway(instance(rule='room == "public" && tenant == ""'), keys=())
    client = gateway.sign_in_as(person(room="public", tenant=""))
    assert client.get("/jitsi/login?room=board").status_code == 403
    assert client.get("/jitsi/login?room=public&tenant=a").status_code == 403
    assert client.get("/jitsi/login?room=public").status_code == 302


TEXT = st.text(max_size=60) | st.sampled_from(
    [LONGEST, "a" * 9000, "ü" * 140, "\x00", "null", "\ufffe", '"' * 200]
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["cn", "mail", "displayName", "photo", "kind", "role", "pin", "ou", "employeeNumber"]),
    TEXT | st.lists(TEXT, max_size=3),
)


def test_any_attributes_make_a_token_that_jitsi_takes(build_gateway: BuildGateway) -> None:
    gateway = build_gateway(instance(RS256, **EVERYTHING))
    rooms = st.sampled_from(["x", "a" * 950, "%C3%BC" * 150])

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(ATTRIBUTES, rooms, st.sampled_from(["", "&tenant=" + "t" * 60]), st.booleans())
    def throw(attributes: dict[str, Attribute], room: str, tenant: str, is_staff: bool) -> None:
        identity = person(("staff",) if is_staff else (), **attributes)
        answer = gateway.sign_in_as(identity).get(f"/jitsi/login?room={room}{tenant}")
        token = token_of(answer)
        assert faults(gateway, token, str(claims_of(answer)["room"])) == []
        # A key of 4096 bits, the largest, adds 341 characters.
        assert len(token) + 341 < 8192
        check_values(claims_of(answer)["context"])

    throw()


def check_values(value: object) -> None:
    """Every value is a text that XML allows, or a boolean; nothing is null, nothing empty."""
    if isinstance(value, dict):
        for inner in value.values():
            check_values(inner)
        return
    assert isinstance(value, str | bool)
    assert value is False or value is True or (value and not forbidden_in_xml(value))


def test_the_longest_token(build_gateway: BuildGateway) -> None:
    """As long as every part may be, with every feature: still below 8 KB."""
    features = {f"feature-{number:02}-of-some-length-aaaaaaaaaa": "0" for number in range(20)}
    options = {**EVERYTHING, "features": features, "issuer": "i" * 200, "app_id": "a" * 200}
    gateway = build_gateway(instance(RS256, **options))
    names = ["displayName", "mail", "photo", "kind", "role", "pin", "ou", "employeeNumber"]
    url = f"/jitsi/login?room={'a' * 950}&tenant={'t' * 63}"
    kept = set()
    for length in (*range(20, 60), *range(60, 600, 20)):
        answer = gateway.sign_in_as(person((), **dict.fromkeys(names, "ü" * length))).get(url)
        assert len(token_of(answer)) + 341 < 8192
        if "avatar" in claims_of(answer)["context"]["user"]:
            kept.add(length)
    assert max(kept) == 49  # 296 bytes of JSON
