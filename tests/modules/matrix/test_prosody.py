"""Who comes in at a real Prosody with our modules, driven over BOSH."""

import json
import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.modules.matrix.bosh import RefusedError, conference_of, identity, jwt_of, standing, widget_token
from tests.modules.matrix.prosody import AT, CONFERENCE, OURS, Prosody
from tests.modules.matrix.stub import ROOM, Home
from tests.upstream.stub import Reply, Stub


def test_a_member_gets_in_and_a_moderator_becomes_owner(prosody: Prosody) -> None:
    """Real Prosody (Debian) with our two modules, driven over BOSH by a test client: a member gets in, a
    moderator becomes owner and a plain member does not, an outsider, a mismatching conference name, a member
    of one room who connects for it and then enters another, a missing or broken JWT and a dead verification
    API are refused (never left hanging), 50 people signing in at once each get their own identity, each with
    its logged reason; nobody else can make an owner. The same scripted MUC session with and without our
    module gives the same stanzas otherwise.
    """
    bob = prosody.signed_in("bob")
    assert standing(bob.join(AT, "bob")) == ("none", "participant"), "though the first one who comes"
    alice = prosody.signed_in("alice")
    assert standing(alice.join(AT, "alice")) == ("owner", "moderator")
    late = prosody.signed_in("bob")
    assert standing(late.join(AT, "late")) == ("none", "participant")
    log = prosody.log()
    assert "matrix user verification: ok (@alice:" in log
    assert "matrix user verification: ok (@bob:" in log
    assert not re.search("(alice|bob)-token", log)
    for name in ("alice", "bob"):
        _, claims, _ = widget_token(ROOM, f"{name}-token").split(".")
        assert claims not in log, "the token of the address, which has that of Matrix in it"


# jitsi-meet, mod_muc_resource_validate.lua; lib-jitsi-meet takes eight characters of the user name.
VALID_RESOURCE = re.compile("[a-zA-Z0-9][a-zA-Z0-9_]*")
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_user_names_begin_as_jitsi_wants_names_in_a_conference(prosody: Prosody) -> None:
    """user names of the Prosody module are UUIDs (Jitsi's resource validation refuses some of ours: 16 of 120
    with a client that takes eight characters)"""
    names = [prosody.signed_in("bob").jid.partition("@")[0] for _ in range(60)]
    prosody.close_connections()
    assert len(set(names)) == 60
    assert all(UUID.fullmatch(name) for name in names)
    assert all(VALID_RESOURCE.fullmatch(name[:8]) for name in names)


BROKEN = [
    "x",
    "a.b",
    "a.b.c.d",
    "..",
    "a.!!.c",
    "a.bm90IEpTT04.c",
    jwt_of(b"[1"),
    jwt_of(b'"text"'),
    jwt_of(b"null"),
    jwt_of(b"\xff"),
    jwt_of(b"[" * 5000),
]


@pytest.mark.parametrize("token", BROKEN, ids=lambda token: token[:12])
def test_a_broken_token_is_refused(prosody: Prosody, token: str) -> None:
    """Real Prosody (Debian) with our two modules, driven over BOSH by a test client: a member gets in, a
    moderator becomes owner and a plain member does not, an outsider, a mismatching conference name, a member
    of one room who connects for it and then enters another, a missing or broken JWT and a dead verification
    API are refused (never left hanging), 50 people signing in at once each get their own identity, each with
    its logged reason; nobody else can make an owner. The same scripted MUC session with and without our
    module gives the same stanzas otherwise.
    """
    refusal = prosody.refusal(token=token, room=CONFERENCE)
    assert refusal == ("not-authorized", "auth_token_decode_issue")


NO_ROOM: list[Any] = [{}, {"room_id": 5}, {"room_id": ""}, {"room_id": None}, {"room_id": "!" + "x" * 300}]


def test_whoever_is_refused_hears_so_and_the_log_says_why(prosody: Prosody, prosody_home: Home) -> None:
    """Real Prosody (Debian) with our two modules, driven over BOSH by a test client: a member gets in, a
    moderator becomes owner and a plain member does not, an outsider, a mismatching conference name, a member
    of one room who connects for it and then enters another, a missing or broken JWT and a dead verification
    API are refused (never left hanging), 50 people signing in at once each get their own identity, each with
    its logged reason; nobody else can make an owner. The same scripted MUC session with and without our
    module gives the same stanzas otherwise.
    """
    good = widget_token(ROOM, "alice-token")
    refused = "not-authorized"
    assert prosody.refusal(room=CONFERENCE) == (refused, "invalid_auth_token")
    assert prosody.refusal() == (refused, "invalid_auth_token")
    outsider = widget_token(ROOM, "mallory-token")
    assert prosody.refusal(token=outsider, room=CONFERENCE) == (refused, "not_in_room")
    invented = widget_token(ROOM, "invented")
    assert prosody.refusal(token=invented, room=CONFERENCE) == (refused, "invalid_token")
    elsewhere = widget_token(ROOM, "alice-token", matrix={"server_name": "example.com"})
    assert prosody.refusal(token=elsewhere, room=CONFERENCE) == (refused, "invalid_token")
    none = widget_token(ROOM, "")
    assert prosody.refusal(token=none, room=CONFERENCE) == (refused, "invalid_auth_token")
    other = conference_of("!other:example.org")
    for room in (other, "", "lobby", f"{CONFERENCE}a", CONFERENCE[:-1], ROOM, f"[x]{CONFERENCE}"):
        mismatch = (refused, "jitsi_and_matrix_room_mismatch")
        assert prosody.refusal(token=good, room=room) == mismatch, room
    for matrix in NO_ROOM:
        context = {"context": {"matrix": {"token": "alice-token", **matrix}}}
        token = jwt_of(json.dumps(context).encode())
        assert prosody.refusal(token=token, room=CONFERENCE) == (refused, "missing_matrix_room_id")
    claims: Any
    for claims in ({}, {"context": None}, {"context": "x"}, {"context": {"matrix": [1]}}, {"context": {}}):
        token = jwt_of(json.dumps(claims).encode())
        assert prosody.refusal(token=token, room=CONFERENCE) == (refused, "missing_matrix_room_id")


def test_a_dead_api_lets_nobody_in(prosody: Prosody, told: Stub) -> None:
    """Real Prosody (Debian) with our two modules, driven over BOSH by a test client: a member gets in, a
    moderator becomes owner and a plain member does not, an outsider, a mismatching conference name, a member
    of one room who connects for it and then enters another, a missing or broken JWT and a dead verification
    API are refused (never left hanging), 50 people signing in at once each get their own identity, each with
    its logged reason; nobody else can make an owner. The same scripted MUC session with and without our
    module gives the same stanzas otherwise.
    """
    query = {"token": widget_token(ROOM, "alice-token"), "room": CONFERENCE}
    dead = ("temporary-auth-failure", "invalid_response")
    assert prosody.refusal("dead.test", **query) == dead
    assert prosody.refusal("nowhere.test", **query) == dead
    hangs = threading.Event()
    told.answering = lambda _: Reply(waits_for=hangs)
    assert prosody.refusal("hung.test", **query) == dead
    hangs.set()
    for reply in (
        Reply(500),
        Reply(403, b"{}"),
        Reply(200, b""),
        Reply(200, b"{"),
        Reply(200, b"[]"),
        Reply(200, b"null"),
        Reply(200, b"[" * 30_000),
        Reply(200, b'{"results": "x"}'),
        Reply(200, b'{"results": null}'),
        Reply(200, b'{"results": {"user": true}}'),
        Reply(200, b'{"results": {"user": "true", "room_membership": true}}'),
        Reply(200, b'{"results": {"user": true, "room_membership": null}}'),
        Reply(200, b'{"results": {"user": 1, "room_membership": 1}}'),
    ):
        told.answering = lambda _, reply=reply: reply  # type: ignore[misc]
        assert prosody.refusal("told.test", **query) == dead, reply.body[:40]


@pytest.mark.parametrize(
    ("levels", "affiliation"),
    [
        (None, "none"),
        ({"room": {}, "user": 49}, "none"),
        ({"room": {}, "user": 50}, "owner"),
        ({"room": {"state_default": 0}, "user": 0}, "owner"),
        ({"room": {"state_default": 75}, "user": 50}, "none"),
        ({"room": {"state_default": "50"}, "user": 49}, "none"),
        ({"room": None, "user": 9007199254740991}, "owner"),
        ({"room": {}, "user": "100"}, "none"),
        ("x", "none"),
    ],
    ids=str,
)
def test_who_is_a_moderator(prosody: Prosody, told: Stub, levels: Any, affiliation: str) -> None:
    """What the API says decides; what it leaves out or says in another way makes nobody an owner."""
    results = {"user": True, "room_membership": True}
    body = json.dumps({"results": results, "user_id": "@x:y", "power_levels": levels}).encode()
    told.answering = lambda _: Reply(200, body)
    token = widget_token(ROOM, "any")
    person = prosody.connect("told.test", token=token, room=CONFERENCE.upper()).sign_in()
    # a level can only be compared with a number; where the room's is none, it is 50
    assert standing(person.join(f"{CONFERENCE}@conference.test", f"x{person.jid[:9]}"))[0] == affiliation
    (seen,) = told.seen[-1:]
    assert (seen.path, seen.method) == ("/verify/user_in_room", "POST")
    assert json.loads(seen.body) == {"token": "any", "room_id": ROOM}
    assert "Authorization" not in seen.headers


def test_fifty_at_once_are_who_they_are(prosody: Prosody, prosody_home: Home) -> None:
    """Real Prosody (Debian) with our two modules, driven over BOSH by a test client: a member gets in, a
    moderator becomes owner and a plain member does not, an outsider, a mismatching conference name, a member
    of one room who connects for it and then enters another, a missing or broken JWT and a dead verification
    API are refused (never left hanging), 50 people signing in at once each get their own identity, each with
    its logged reason; nobody else can make an owner. The same scripted MUC session with and without our
    module gives the same stanzas otherwise.
    """
    people = [f"user{number}" for number in range(50)]
    outsiders = {f"outsider{number}" for number in range(10)}
    for name in (*people, *outsiders):
        prosody_home.tokens[f"{name}-token"] = f"@{name}:{prosody_home.name}"
    begin = threading.Barrier(60)
    log = len(prosody.log())

    def enter(name: str) -> dict[str, Any] | str:
        token = widget_token(ROOM, f"{name}-token", user={"name": f"Name of {name}"})
        connection = prosody.connect(token=token, room=CONFERENCE)
        begin.wait(60)
        try:
            person = connection.sign_in()
        except RefusedError as error:
            return str(error)
        own = person.join(AT, name)
        return identity(own)

    prosody_home.members += [f"@{name}:{prosody_home.name}" for name in people]
    with ThreadPoolExecutor(60) as pool:
        everybody = [*people, *sorted(outsiders)]
        found = dict(zip(everybody, pool.map(enter, everybody), strict=True))
    picture = "https://example.org/a.png"
    for name in people:
        user_id = f"@{name}:{prosody_home.name}"
        assert found[name] == {"id": user_id, "name": f"Name of {name}", "avatar": picture}
        assert prosody.log()[log:].count(f"ok ({user_id})") == 1
    assert {found[name] for name in outsiders} == {"not-authorized"}
    assert prosody.log()[log:].count("verification: not_in_room") == 10


def test_what_the_token_says_of_somebody_is_for_show_only(prosody: Prosody, prosody_home: Home) -> None:
    user = {
        "id": "@admin:example.org",
        "affiliation": "owner",
        "moderator": True,
        "name": "B\u0001",
        "avatar": 5,
    }
    bob = prosody.signed_in("bob", user=user, features={"recording": True}, group="admins")
    own = bob.join(AT, "shown")
    assert standing(own) == ("none", "participant")
    assert identity(own) == {"id": f"@bob:{prosody_home.name}"}


def test_who_comes_back_keeps_the_name_and_nobody_else_takes_it(prosody: Prosody) -> None:
    bob, again, alice = (
        prosody.signed_in("bob"),
        *(
            prosody.connect(token=widget_token(ROOM, f"{name}-token"), room=CONFERENCE, previd="resume-bob")
            for name in ("bob", "alice")
        ),
    )
    bob.ask("get", "meet.test", '<query xmlns="urn:tests:resumption">resume-bob</query>')
    name = bob.jid.partition("@")[0]
    assert again.sign_in().jid.partition("@")[0] == name
    assert alice.sign_in().jid.partition("@")[0] != name


@pytest.mark.server
def test_no_global_is_made_by_accident() -> None:
    language = {"math", "next", "pairs", "pcall", "require", "setmetatable", "table", "tostring", "type"}
    allowed = language | {"module", "prosody"}
    files = sorted(OURS.glob("*.lua"))
    assert [file.name for file in files] == [
        "mod_auth_matrix_user_verification.lua",
        "mod_matrix_power_sync.lua",
    ]
    for file in files:
        listing = subprocess.run(
            ["luac5.4", "-l", "-l", "-p", file], capture_output=True, text=True, check=True
        )
        assert "SETTABUP" not in listing.stdout, file.name
        read = set(re.findall(r'GETTABUP .*_ENV "(\w+)"', listing.stdout))
        assert read <= allowed, file.name
