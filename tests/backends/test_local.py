"""Local users: what can be one, how they sign in, what a change of theirs does."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuer.backend import BackendServices
from issuer.backends.local import LocalBackend, LocalSettings, LocalUsers, UserError
from issuer.crypto.passwords import Passwords
from issuer.store import DuplicateError

PASSWORD = "correct horse"


@pytest.fixture
def users(services: BackendServices) -> LocalUsers:
    return LocalUsers(services)


@pytest.fixture
def backend(services: BackendServices) -> LocalBackend:
    return LocalBackend("staff", LocalSettings(), services)


def test_a_user_signs_in(users: LocalUsers, backend: LocalBackend) -> None:
    user = users.add("dwho", PASSWORD, {"cn": "The Doctor", "mail": ["a@x", "b@x"]}, ("timelords",))
    identity = backend.authenticate(" DWho ", PASSWORD)
    assert identity
    assert (identity.backend, identity.subject, identity.uid) == ("staff", user.id, "dwho")
    assert identity.attributes == {"cn": "The Doctor", "mail": ["a@x", "b@x"]}
    assert identity.groups == ("timelords",)
    for login, password in (("dwho", "wrong"), ("dwh", PASSWORD), ("dwho", PASSWORD + " "), ("dwho", "")):
        assert backend.authenticate(login, password) is None


def test_a_subject_is_never_given_to_somebody_else(users: LocalUsers) -> None:
    first = users.add("dwho", PASSWORD, {}, ())
    users.remove("dwho")
    assert users.add("dwho", PASSWORD, {}, ()).id != first.id


@pytest.mark.parametrize(
    "uid", ["", "DWho", "a b", "ä", "a" * 65, ".a", "-a", "a/b", "a\n", "\x00", "a\ud800"]
)
def test_a_user_name_is_simple(users: LocalUsers, uid: str) -> None:
    with pytest.raises(UserError, match="is not a user name"):
        users.add(uid, PASSWORD, {}, ())


@pytest.mark.parametrize("uid", ["a", "0", "rose.tyler", "a_b-c+d@example.com", "a" * 64])
def test_what_can_be_a_user_name_can_sign_in(users: LocalUsers, backend: LocalBackend, uid: str) -> None:
    users.add(uid, PASSWORD, {}, ())
    assert backend.authenticate(uid.upper(), PASSWORD)
    with pytest.raises(DuplicateError):
        users.add(uid, PASSWORD, {}, ())


@pytest.mark.parametrize("password", ["", "short12", "x" * 1025])
def test_a_password_is_neither_short_nor_endless(users: LocalUsers, password: str) -> None:
    with pytest.raises(UserError, match="a password has 8 to 1024 characters"):
        users.add("dwho", password, {}, ())


def test_the_longest_password_is_compared_to_its_end(users: LocalUsers, backend: LocalBackend) -> None:
    users.add("dwho", "x" * 1024, {}, ())
    assert backend.authenticate("dwho", "x" * 1024)
    assert not backend.authenticate("dwho", "x" * 1023)
    assert not backend.authenticate("dwho", "x" * 100_000)


def test_a_change_while_the_password_is_verified_counts(
    users: LocalUsers, backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.add("dwho", PASSWORD, {}, ())
    real = Passwords.verify

    def disable(passwords: Passwords, hashed: str | None, password: str) -> bool:
        right = real(passwords, hashed, password)
        users.change("dwho", {}, enabled=False)
        return right

    monkeypatch.setattr(Passwords, "verify", disable)
    assert backend.authenticate("dwho", PASSWORD) is None


def test_attributes_and_groups_change(users: LocalUsers, backend: LocalBackend) -> None:
    users.add("dwho", PASSWORD, {"cn": "Who", "title": "Dr"}, ("a",))
    users.change("dwho", {"title": [], "mail": "x@y"})
    identity = backend.authenticate("dwho", PASSWORD)
    assert identity
    assert identity.attributes == {"cn": "Who", "mail": "x@y"}
    assert identity.groups == ("a",)
    users.change("dwho", {}, groups=())
    identity = backend.authenticate("dwho", PASSWORD)
    assert identity
    assert identity.groups == ()


def test_who_is_not_there_cannot_be_changed(users: LocalUsers) -> None:
    for change in (
        lambda: users.get("nobody"),
        lambda: users.set_password("nobody", PASSWORD),
        lambda: users.change("nobody", {}),
        lambda: users.remove("nobody"),
    ):
        with pytest.raises(UserError, match="issuer user list"):
            change()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(), st.text())
def test_no_login_breaks_anything(backend: LocalBackend, login: str, password: str) -> None:
    assert backend.authenticate(login, password) is None
