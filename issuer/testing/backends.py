"""The contract of all login backends, as a test class; those of the three kinds are made of it."""

# ruff: noqa: S101 - a contract is made of assertions

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import ValidationError

from issuer.backend import Backend, BackendServices, BackendSettings
from issuer.crypto.passwords import Passwords
from issuer.identity import Identity
from issuer.settings.describe import sections
from issuer.settings.models import Settings
from issuer.store import Store
from issuer.testing.fakes import FakeClock, FakeRandomness
from issuer.testing.gateway import PUBLIC_URL
from issuer.testing.templates import put_store
from issuer.upstream import Upstream
from issuer.wiring.plugins import BACKENDS, load

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
"""Texts that nobody has for a login, a password or a name."""


class BackendContract:
    """What holds for every login backend: the contracts of the three kinds are made of it."""

    type: ClassVar[str]
    """The name of the backend among the entry points."""
    instance: ClassVar[str] = "tested"
    """The name to give the instance."""
    uid: ClassVar[str] = "dwho"
    """The user name of somebody who can sign in, as the directory has it."""
    reads_again: ClassVar[bool] = True
    """Whether people can be read again after the sign-in."""
    knows_everybody: ClassVar[bool] = True
    """Whether it can tell the user names of people who have not signed in yet."""

    @pytest.fixture
    def services(self, tmp_path: Path) -> Iterator[BackendServices]:
        """Return what the gateway hands to a backend, on a new store."""
        put_store(tmp_path / "issuer.db")
        store = Store.open(f"sqlite:///{tmp_path / 'issuer.db'}", FakeClock())
        randomness = FakeRandomness()
        settings = Settings(public_url=PUBLIC_URL)
        upstream = Upstream(settings.upstream, FakeClock(), settings.server.threads)
        yield BackendServices(
            settings, store, FakeClock(), randomness, Passwords(randomness), upstream, str.upper
        )
        upstream.stop()
        store.close()

    @pytest.fixture
    def backend(self, services: BackendServices) -> Backend:
        """Return an instance in which the person can sign in."""
        raise NotImplementedError("make an instance in the fixture `backend`")

    def person(self, backend: Backend) -> Identity:
        """Return the person as a sign-in gives them."""
        raise NotImplementedError

    def remove(self, backend: Backend) -> None:
        """Make the person gone: removed, disabled, whatever ends a membership."""
        raise NotImplementedError("say how somebody goes away in `remove`, or `reads_again = False`")

    def test_it_can_be_found(self, backend: Backend) -> None:
        """Its entry point leads to its class."""
        found = load(BACKENDS, self.type, Backend)
        assert isinstance(backend, found)
        assert issubclass(found.Settings, BackendSettings)

    def test_every_option_says_what_it_is_for(self, backend: Backend) -> None:
        """Every option has a docstring, and so has every section."""
        for section in sections(backend.Settings, self.type):
            assert section.text, section.path
            assert [option.name for option in section.options if not option.text] == []

    def test_an_unknown_option_is_refused(self, backend: Backend) -> None:
        """A mistyped option never passes."""
        with pytest.raises(ValidationError, match="enabledd"):
            backend.Settings.model_validate({"enabledd": True})

    def test_the_identity_is_whole(self, backend: Backend) -> None:
        """It names the instance, and the person as the directory does."""
        identity = self.person(backend)
        assert (identity.backend, identity.uid) == (self.instance, self.uid)
        assert identity.subject
        assert all(isinstance(group, str) for group in identity.groups)
        for value in identity.attributes.values():
            assert isinstance(value, str) or all(isinstance(one, str) for one in value)

    def test_its_level_is_one_of_its_levels(self, backend: Backend) -> None:
        """So that a rule can ask for it."""
        assert backend.auth_level(self.person(backend)) in {*backend.auth_levels()}

    def test_the_person_can_be_read_again(self, backend: Backend) -> None:
        """By what a session keeps; whoever is gone is nobody."""
        found = self.person(backend)
        known = Identity(found.backend, found.subject, found.uid, {"old": "x"}, ("old",))
        again = backend.refresh(known)
        if not self.reads_again:
            assert again is known
            return
        assert again
        assert (again.backend, again.subject, again.uid) == (self.instance, found.subject, self.uid)
        assert (again.attributes, again.groups) == (found.attributes, found.groups)
        self.remove(backend)
        assert backend.refresh(known) is None
        assert backend.refresh(Identity(self.instance, "nobody-of-that-name", self.uid)) is None

    def test_it_knows_its_user_names(self, backend: Backend) -> None:
        """Whether people signed in before or not; and it does not know those of others."""
        assert backend.knows(self.uid) == self.knows_everybody
        for text in ("nobody-of-that-name", "", *NASTY):
            assert not backend.knows(text)

    def test_its_checks_pass(self, backend: Backend) -> None:
        """Those that dial nobody; each has a name of its own."""
        checks = [*backend.checks(), *backend.doctor()]
        assert len({check.name for check in checks}) == len(checks)
        for check in backend.checks():
            if check.offline:
                check.run()

    def test_it_starts_and_stops(self, backend: Backend) -> None:
        """As a worker does; and nothing happens to what never started."""
        backend.stop()
        backend.start()
        backend.stop()
