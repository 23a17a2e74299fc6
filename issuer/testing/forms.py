"""The contract of login backends behind the sign-in form, as a test class."""

# ruff: noqa: S101 - a contract is made of assertions

from collections.abc import Sequence
from typing import ClassVar

import pytest

from issuer.backend import Backend, BackendServices, FormBackend
from issuer.identity import Identity
from issuer.testing.backends import NASTY, BackendContract


class FormContract(BackendContract):
    """What holds for every form backend: subclass it as `Test…`, set `type`, and make a `backend`.

    In that backend, `login` and `password` sign in somebody whose user name is `uid`.
    """

    login: ClassVar[str] = "dwho"
    """What the person types."""
    other_logins: ClassVar[Sequence[str]] = ()
    """What the same person may type as well."""
    password: ClassVar[str] = "correct horse"  # noqa: S105 - of a test
    """The person's password."""

    @pytest.fixture
    def backend(self, services: BackendServices) -> FormBackend:
        """Return an instance in which the person can sign in."""
        raise NotImplementedError("make an instance in the fixture `backend`")

    def person(self, backend: Backend) -> Identity:
        """Return who signs in with the right password."""
        assert isinstance(backend, FormBackend)
        identity = backend.authenticate(self.login, self.password)
        assert identity, "the right password does not sign in"
        return identity

    def test_the_subject_stays_the_same(self, backend: FormBackend) -> None:
        """Whichever way the person types the login."""
        first = backend.authenticate(self.login, self.password)
        assert first
        for login in (self.login, *self.other_logins):
            again = backend.authenticate(login, self.password)
            assert again
            assert (again.subject, again.uid) == (first.subject, self.uid)

    def test_a_wrong_password_does_not(self, backend: FormBackend) -> None:
        """Not even one that is nearly right."""
        right = self.password
        for password in (right + "x", right + " ", " " + right, right[:-1], right.swapcase(), self.login):
            assert backend.authenticate(self.login, password) is None

    def test_an_empty_password_does_not(self, backend: FormBackend) -> None:
        """A directory may take it for an anonymous sign-in; a backend never does."""
        assert backend.authenticate(self.login, "") is None
        assert backend.authenticate("", "") is None

    def test_an_unknown_login_does_not(self, backend: FormBackend) -> None:
        """Nobody is signed in by somebody else's password."""
        assert backend.authenticate("nobody-of-that-name", self.password) is None
        assert backend.authenticate("", self.password) is None

    @pytest.mark.parametrize("text", NASTY, ids=lambda text: ascii(text)[:20])
    def test_strange_texts_sign_nobody_in(self, backend: FormBackend, text: str) -> None:
        """No text breaks anything, as a login, as a password, or behind a right one."""
        for login in (text, self.login + text):
            if login.strip() != self.login:
                assert backend.authenticate(login, self.password) is None
        assert backend.authenticate(self.login, text) is None
        assert backend.authenticate(self.login, self.password + text) is None

    def test_whoever_is_gone_does_not_sign_in(self, backend: FormBackend) -> None:
        """Not with the right password either."""
        if self.reads_again:
            self.person(backend)
            self.remove(backend)
            assert backend.authenticate(self.login, self.password) is None
