"""`issuer user` and `issuer sessions`."""

import re

import pytest

from issuer.authentication.sessions import Visitor
from tests.commands.shell import Commands

PASSWORD = "correct horse"


def add(commands: Commands, uid: str, *arguments: str) -> None:
    commands.good("user", "add", uid, *arguments, "--password-stdin", typed=PASSWORD + "\n")


def sign_in(commands: Commands, uid: str) -> str:
    identity = commands.shell.find_user(uid)
    assert identity
    return commands.shell.parts.sessions.start(identity, Visitor("192.0.2.7", "tests"))


def is_living(commands: Commands, session_id: str) -> bool:
    return commands.shell.parts.sessions.find(session_id) is not None


def test_users_are_added_listed_changed_and_removed(commands: Commands) -> None:
    add(commands, "dwho", "--set", "cn=The Doctor", "--set", "mail=a@x", "--group", "users", "--group", "b")
    add(commands, "rtyler")
    assert commands.good("user", "list").splitlines() == [
        f"{'dwho':20} {'users, b':30} a@x",
        f"{'rtyler':20} {'-':30} ",
    ]
    shown = commands.good("user", "set", "dwho", "--set", "mail=", "--group", "c", "--disable")
    assert shown == f"{'dwho':20} {'c':30}   (disabled)\n"
    assert commands.good("user", "set", "dwho", "--no-groups", "--enable") == f"{'dwho':20} {'-':30} \n"
    user = commands.shell.find_user("dwho")
    assert user
    assert user.attributes == {"cn": "The Doctor"}
    commands.good("user", "set", "dwho", "--set", "mail=a@x", "--set", "mail=b@x")
    user = commands.shell.find_user("dwho")
    assert user
    assert user.attributes["mail"] == ["a@x", "b@x"]
    commands.good("user", "remove", "dwho")
    assert commands.shell.find_user("dwho") is None


def test_a_password_is_asked_for_twice_and_never_shown(commands: Commands) -> None:
    output = commands.good("user", "add", "dwho", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert PASSWORD not in output
    assert commands.bad("user", "add", "rtyler", typed=f"{PASSWORD}\nother\nother\n{PASSWORD}\n\n\n")
    assert commands.shell.find_user("rtyler") is None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["add", "dwho"], 'there is a user "dwho" already: see `issuer user set`'),
        (["add", "Dwho"], '"Dwho" is not a user name: use lower-case letters, digits and . _ @ + -'),
        (["add", "x", "--set", "nothing"], '"nothing" is not NAME=VALUE'),
        (["passwd", "nobody"], 'there is no user "nobody": see `issuer user list`'),
        (["set", "nobody"], 'there is no user "nobody": see `issuer user list`'),
        (["set", "dwho", "--set", "=x"], '"=x" is not NAME=VALUE'),
        (["set", "dwho", "--group", "a", "--no-groups"], "contradict each other"),
        (["remove", "nobody"], 'there is no user "nobody": see `issuer user list`'),
    ],
)
def test_what_cannot_be_is_told(commands: Commands, arguments: list[str], text: str) -> None:
    add(commands, "dwho")
    stdin = ["--password-stdin"] if arguments[0] in {"add", "passwd"} else []
    assert text in commands.bad("user", *arguments, *stdin, typed=PASSWORD + "\n")


def test_a_short_password_is_refused(commands: Commands) -> None:
    assert "8 to 1024" in commands.bad("user", "add", "dwho", "--password-stdin", typed="short\n")


@pytest.mark.parametrize(
    "arguments", [["passwd", "dwho", "--password-stdin"], ["set", "dwho", "--disable"], ["remove", "dwho"]]
)
def test_such_a_change_ends_the_sessions_of_the_user_alone(commands: Commands, arguments: list[str]) -> None:
    add(commands, "dwho")
    add(commands, "rtyler")
    own, other = sign_in(commands, "dwho"), sign_in(commands, "rtyler")
    commands.good("user", *arguments, typed="another horse\n")
    assert not is_living(commands, own)
    assert is_living(commands, other)


def test_a_change_of_groups_is_in_living_sessions(commands: Commands) -> None:
    add(commands, "dwho")
    session_id = sign_in(commands, "dwho")
    commands.good("user", "set", "dwho", "--group", "timelords")
    session = commands.shell.parts.sessions.find(session_id)
    assert session
    fresh = commands.shell.parts.attributes.session(session)
    assert fresh
    assert fresh.identity.groups == ("timelords",)
    assert commands.shell.parts.sessions.find(session_id) == fresh


def test_a_name_is_released(commands: Commands) -> None:
    add(commands, "dwho")
    assert "DWho belongs to nobody now" in commands.good("user", "release", "DWho")
    assert "nobody has signed in with the name" in commands.bad("user", "release", "dwho")


def test_commands_know_the_local_backend_by_its_name(commands: Commands) -> None:
    with commands.file.open("a") as file:
        file.write('[backends.staff]\ntype = "local"\nenabled = false\n')
    commands.shell = commands.new_shell()
    add(commands, "dwho")
    identity = commands.shell.find_user("dwho")
    assert identity
    assert identity.backend == "staff"
    session_id = sign_in(commands, "dwho")
    commands.good("user", "set", "dwho", "--disable")
    assert not is_living(commands, session_id)


def test_sessions_are_listed_and_ended(commands: Commands) -> None:
    for uid in ("dwho", "rtyler"):
        add(commands, uid)
    first, second, other = (sign_in(commands, uid) for uid in ("dwho", "dwho", "rtyler"))
    lines = commands.good("sessions", "list").splitlines()
    assert len(lines) == 3
    assert all(
        re.fullmatch(r"[0-9a-f]{16}  (dwho|rtyler) +local +2027-01-15 08:00:00  192.0.2.7", x) for x in lines
    )
    assert all(first not in line and second not in line for line in lines)
    (line,) = commands.good("sessions", "list", "--user", "rtyler").splitlines()
    assert commands.good("sessions", "end", line.split()[0]) == "1 ended\n"
    assert not is_living(commands, other)
    assert is_living(commands, first)
    assert commands.good("sessions", "end", "--user", "dwho") == "2 ended\n"
    assert not is_living(commands, first)
    assert commands.good("sessions", "list") == ""


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "give a handle or --user"),
        (["0" * 16, "--user", "dwho"], "give a handle or --user"),
        (["0" * 16], "there is no such session"),
        (["--user", "nobody"], "there is no such session"),
        (["x"], "a handle has 16 digits"),
        (["0" * 64], "a handle has 16 digits"),
    ],
)
def test_what_is_no_session_cannot_be_ended(commands: Commands, arguments: list[str], text: str) -> None:
    assert text in commands.bad("sessions", "end", *arguments)
