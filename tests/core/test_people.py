"""Whose a user name is, and who is gone."""

from typing import Any

import pytest

from issuer.backends.local import LocalUsers, UserError
from issuer.identity import Identity
from issuer.store import UidClaim
from tests.authentication.backends import People, people
from tests.core.people import WANTED, build, form, identity_of, redirected

__all__ = ["build", "people"]


def test_a_name_of_a_local_user_is_nobody_elses(build: Any, people: dict[str, People]) -> None:
    """Even of one who never signed in, and however it is written."""
    gateway = build("local", "sso", users={"dwho": ()})
    for uid in ("dwho", "DWho", "\N{FULLWIDTH LATIN SMALL LETTER D}who"):
        people["sso"].add("s1", uid)
        assert redirected(gateway, "sso", "s1") == 403
    people["sso"].add("s1", "somebody")
    assert redirected(gateway, "sso", "s1") == 303
    assert form(gateway, "dwho") == 303


def test_a_refusal_is_in_the_security_log(
    build: Any, people: dict[str, People], caplog: pytest.LogCaptureFixture
) -> None:
    gateway = build("local", "sso", users={"dwho": ()})
    people["sso"].add("s1", "dwho")
    gateway.parts.store.claims.release("dwho")
    with caplog.at_level("WARNING", "issuer.audit"):
        assert redirected(gateway, "sso", "s1") == 403
    (line,) = [record.msg for record in caplog.records if record.name == "issuer.audit"]
    assert line == {
        "event": "identity_refused",
        "backend": "sso",
        "subject": "s1",
        "reason": "backends.local has somebody of this name",
    }


def test_the_first_who_comes_has_the_name(build: Any, people: dict[str, People]) -> None:
    gateway = build("sso", "other", "ldap")
    people["sso"].add("s1", "dwho")
    people["other"].add("o1", "dwho")
    assert redirected(gateway, "sso", "s1") == 303
    assert redirected(gateway, "other", "o1") == 403
    # Two people of one provider with one name: it cannot say which is gone.
    people["sso"].add("s2", "dwho")
    assert redirected(gateway, "sso", "s2") == 403
    # A later entry of the directory does not take it back by itself; the operator does.
    people["ldap"].add("u1", "dwho")
    assert form(gateway, "dwho") == 403
    gateway.parts.store.claims.release("dwho")
    assert form(gateway, "dwho") == 303
    assert redirected(gateway, "sso", "s1") == 403


def test_a_local_user_is_not_given_the_name_of_another(build: Any, people: dict[str, People]) -> None:
    gateway = build("local", "sso")
    people["sso"].add("s1", "dwho")
    redirected(gateway, "sso", "s1")
    with pytest.raises(
        UserError, match=r"belongs to somebody of backends\.sso: .* `issuer user release dwho`"
    ):
        gateway.add_user("dwho")
    assert gateway.parts.store.users.by_uid("dwho") is None
    gateway.parts.store.claims.release("dwho")
    gateway.add_user("dwho")
    assert redirected(gateway, "sso", "s1") == 403


def test_a_local_user_who_is_added_again_has_the_name_again(build: Any) -> None:
    gateway = build("local", users={"dwho": ()})
    assert form(gateway, "dwho") == 303
    LocalUsers(gateway.parts.services).remove("dwho")
    gateway.add_user("dwho")
    assert form(gateway, "dwho") == 303


def test_a_local_user_signs_in_while_the_directory_is_down(build: Any, people: dict[str, People]) -> None:
    """For emergencies: even for the first time."""
    gateway = build("ldap", "local", users={"dwho": ()})
    people["ldap"].down = True
    assert form(gateway, "dwho") == 303


def test_the_same_people_share_their_names(build: Any, people: dict[str, People]) -> None:
    gateway = build("ldap", "sso", "other", sign_in={"same_people": [["ldap", "sso"]]})
    for name, subject in {"ldap": "u1", "sso": "s1", "other": "o1"}.items():
        people[name].add(subject, "dwho")
    assert redirected(gateway, "other", "o1") == 403
    assert redirected(gateway, "sso", "s1") == 303
    assert form(gateway, "dwho") == 303
    assert redirected(gateway, "other", "o1") == 403


def test_a_name_that_is_no_backend_is_warned_about(build: Any) -> None:
    gateway = build("local", "sso", sign_in={"same_people": [["local", "sos"]]})
    assert [*gateway.parts.warnings()] == [
        "sign_in.same_people names sos: no login backend that is enabled has this name"
    ]


def test_a_directory_that_cannot_tell_lets_nobody_take_a_name(build: Any, people: dict[str, People]) -> None:
    gateway = build("ldap", "sso")
    people["sso"].add("s1", "dwho")
    people["ldap"].down = True
    assert redirected(gateway, "sso", "s1") == 503
    people["ldap"].down = False
    assert redirected(gateway, "sso", "s1") == 303
    people["ldap"].down = True
    assert redirected(gateway, "sso", "s1") == 303


def test_a_name_is_inherited_within_a_directory_only(build: Any, people: dict[str, People]) -> None:
    """When its person is gone or renamed; and a renamed person keeps the old name from other backends."""
    gateway = build("ldap", "sso")
    people["ldap"].add("u1", "dwho")
    assert form(gateway, "dwho") == 303
    people["ldap"].add("u1", "doctor")
    people["sso"].add("s1", "dwho")
    assert redirected(gateway, "sso", "s1") == 403
    people["ldap"].add("u2", "dwho")
    assert form(gateway, "dwho") == 303
    assert form(gateway, "doctor") == 303
    claims = gateway.parts.store.claims
    assert claims.claim("dwho", UidClaim("dwho", "ldap", "u9"), {"ldap"}, 0) == UidClaim("dwho", "ldap", "u2")
    del people["ldap"].known["u2"]
    people["ldap"].add("u3", "dwho")
    assert form(gateway, "dwho") == 303


@pytest.mark.parametrize("uid", ["", " dwho", "dwho\n", "a\0b", "\u202edwho", "x" * 257, "\ud800"])
def test_a_name_that_cannot_be_is_refused(build: Any, people: dict[str, People], uid: str) -> None:
    gateway = build("sso")
    people["sso"].add("s1", uid)
    assert redirected(gateway, "sso", "s1") == 403
    assert gateway.parts.store.sessions.all() == []


def test_whoever_is_gone_gets_no_token(build: Any, people: dict[str, People]) -> None:
    gateway = build("ldap")
    people["ldap"].add("u1", "dwho")
    clients = [gateway.client(), gateway.client()]
    for client in clients:
        form(gateway, "dwho", client)
    del people["ldap"].known["u1"]
    assert clients[0].get(WANTED).status_code == 302
    gateway.clock.advance(300)
    answer = clients[0].get(WANTED)
    assert answer.location.startswith("/login?next=")
    assert gateway.parts.store.sessions.all() == []
    assert clients[1].get("/").location == "/login?next=/"


def test_a_token_waits_for_the_directory_and_pages_do_not(build: Any, people: dict[str, People]) -> None:
    gateway = build("ldap", options={"ldap": {"refresh_after": "10m"}})
    people["ldap"].add("u1", "dwho", cn="The Doctor")
    client = gateway.client()
    form(gateway, "dwho", client)
    people["ldap"].down = True
    gateway.clock.advance(599)
    assert client.get(WANTED).status_code == 302
    gateway.clock.advance(1)
    assert client.get(WANTED).status_code == 503
    assert "The Doctor" in client.get("/").text
    people["ldap"].down = False
    people["ldap"].add("u1", "dwho", cn="Somebody else")
    assert client.get(WANTED).status_code == 302
    assert "Somebody else" in client.get("/").text


def test_a_fresh_session_asks_nobody(build: Any, people: dict[str, People]) -> None:
    gateway = build("ldap")
    people["ldap"].add("u1", "dwho")
    client = gateway.client()
    form(gateway, "dwho", client)
    people["ldap"].calls.clear()
    for _ in range(5):
        assert client.get(WANTED).status_code == 302
    gateway.clock.advance(301)
    for _ in range(5):
        assert client.get(WANTED).status_code == 302
    assert people["ldap"].calls == ["refresh"]


def test_who_cannot_be_read_again_counts_as_at_sign_in(build: Any, people: dict[str, People]) -> None:
    gateway = build("sso", options={"sso": {"attributes": {"cn": "claims.name"}}})
    people["sso"].add("s1", "dwho", "staff")
    people["sso"].known["s1"]["claims"] = {"name": "The Doctor"}
    client = gateway.client()
    redirected(gateway, "sso", "s1", client)
    before = identity_of(gateway)
    gateway.clock.advance(3600)
    assert client.get(WANTED).status_code == 302
    assert identity_of(gateway) == before
    assert before.attributes == {"cn": "The Doctor"}


def test_a_new_name_that_is_somebody_elses_gets_no_token(build: Any, people: dict[str, People]) -> None:
    gateway = build("ldap", "sso")
    people["ldap"].add("u1", "dwho")
    people["sso"].add("s1", "doctor")
    client = gateway.client()
    form(gateway, "dwho", client)
    redirected(gateway, "sso", "s1")
    people["ldap"].add("u1", "doctor")
    gateway.clock.advance(300)
    assert client.get(WANTED).status_code == 403


def test_a_local_user_who_is_disabled_or_changed(build: Any) -> None:
    gateway = build("local", rule='inGroup("staff")', users={"dwho": ()})
    client = gateway.client()
    form(gateway, "dwho", client)
    assert client.get(WANTED).status_code == 403
    users = LocalUsers(gateway.parts.services)
    users.change("dwho", {}, ("staff",))
    assert client.get(WANTED).status_code == 302
    users.change("dwho", {}, enabled=False)
    assert client.get(WANTED).location.startswith("/login")


def test_a_backend_that_is_no_longer_configured_vouches_for_nobody(build: Any) -> None:
    gateway = build("local")
    client = gateway.sign_in_as(Identity("gone", "g1", "dwho"))
    assert client.get(WANTED).location.startswith("https://meet.example.com/")
    gateway.clock.advance(300)
    assert client.get(WANTED).location.startswith("/login")
