"""The contract of login backends behind the sign-in form, as a test class."""

# ruff: noqa: S101 - a contract is made of assertions

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import ValidationError

from issuer.backend import BackendServices, BackendSettings, FormBackend
from issuer.passwords import Passwords
from issuer.plugins import BACKENDS, load
from issuer.settings.describe import sections
from issuer.settings.models import Settings
from issuer.store import Store
from issuer.testing.fakes import FakeClock, FakeRandomness
from issuer.testing.gateway import PUBLIC_URL
from issuer.upstream import Upstream

NASTY = (
    "\0",
    "a\0b",
    "a" * 100_000,
    "\N{GRINNING FACE}" * 5_000,
    "\ud800",
    "\r\n",
    "\N{RIGHT-TO-LEFT OVERRIDE}x",
    "*",
    ")(uid=*",
    "cn=x,dc=example",
    "' OR 1=1 --",
    "%s%n{0}",
)
"""Logins and passwords that nobody has."""


class BackendContract:
    """What holds for every form backend: subclass it as `Test…`, set `type`, and make a `backend`.

    In that backend, `login` and `password` sign in somebody whose user name is `uid`.
    """

    type: ClassVar[str]
    """The name of the backend among the entry points."""
    instance: ClassVar[str] = "tested"
    """The name to give the instance."""
    login: ClassVar[str] = "dwho"
    """What the person types."""
    other_logins: ClassVar[Sequence[str]] = ()
    """What the same person may type as well."""
    uid: ClassVar[str] = "dwho"
    """The user name, as the directory has it."""
    password: ClassVar[str] = "correct horse"  # noqa: S105 - of a test
    """The person's password."""

    @pytest.fixture
    def services(self, tmp_path: Path) -> Iterator[BackendServices]:
        """Return what the gateway hands to a backend, on a new store."""
        store = Store.open(f"sqlite:///{tmp_path / 'issuer.db'}", FakeClock())
        store.migrate()
        randomness = FakeRandomness()
        settings = Settings(public_url=PUBLIC_URL)
        upstream = Upstream(settings.upstream, FakeClock(), settings.server.threads)
        yield BackendServices(settings, store, FakeClock(), randomness, Passwords(randomness), upstream)
        upstream.stop()
        store.close()

    @pytest.fixture
    def backend(self, services: BackendServices) -> FormBackend:
        """Return an instance in which the person can sign in."""
        raise NotImplementedError("make an instance in the fixture `backend`")

    def test_it_can_be_found(self, backend: FormBackend) -> None:
        """Its entry point leads to its class."""
        found = load(BACKENDS, self.type, FormBackend)
        assert isinstance(backend, found)
        assert issubclass(found.Settings, BackendSettings)

    def test_every_option_says_what_it_is_for(self, backend: FormBackend) -> None:
        """Every option has a docstring, and so has every section."""
        for section in sections(backend.Settings, self.type):
            assert section.text, section.path
            assert [option.name for option in section.options if not option.text] == []

    def test_an_unknown_option_is_refused(self, backend: FormBackend) -> None:
        """A mistyped option never passes."""
        with pytest.raises(ValidationError, match="enabledd"):
            backend.Settings.model_validate({"enabledd": True})

    def test_the_right_password_signs_in(self, backend: FormBackend) -> None:
        """The identity names the instance, and the person as the directory does."""
        identity = backend.authenticate(self.login, self.password)
        assert identity
        assert (identity.backend, identity.uid) == (self.instance, self.uid)
        assert identity.subject
        assert all(isinstance(group, str) for group in identity.groups)
        for value in identity.attributes.values():
            assert isinstance(value, str) or all(isinstance(one, str) for one in value)

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

    def test_its_checks_pass(self, backend: FormBackend) -> None:
        """Those that dial nobody; each has a name of its own."""
        checks = [*backend.checks()]
        assert len({check.name for check in checks}) == len(checks)
        for check in checks:
            if check.offline:
                check.run()
