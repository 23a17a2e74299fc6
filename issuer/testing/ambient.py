"""The contract of login backends that read the request itself, as a test class."""

# ruff: noqa: S101 - a contract is made of assertions

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import pytest

from issuer.backend import AmbientBackend, Backend, BackendServices
from issuer.errors import ForbiddenError
from issuer.identity import Identity
from issuer.runtime import REPEATED
from issuer.testing.backends import NASTY, BackendContract
from issuer.web.proxy import PEER

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

STRANGERS = ("198.51.100.9", "2001:db8::9", "", "unix", "::ffff:198.51.100.9")


class AmbientContract(BackendContract):
    """What holds for every ambient backend: subclass it as `Test…`, set `type`, and make a `backend`.

    In that backend, a request from `peer` with `headers` is the person's.
    """

    peer: ClassVar[str] = "192.0.2.10"
    """The address of the proxy."""
    headers: ClassVar[Mapping[str, str]]
    """What the proxy says of the person, as the environment names it: `HTTP_X_REMOTE_USER`."""
    reads_again = False
    knows_everybody = False

    @pytest.fixture
    def backend(self, services: BackendServices) -> AmbientBackend:
        """Return an instance that believes the proxy."""
        raise NotImplementedError("make an instance in the fixture `backend`")

    def person(self, backend: Backend) -> Identity:
        """Return whom the request of the proxy names."""
        assert isinstance(backend, AmbientBackend)
        identity = backend.identify(self._environ())
        assert identity, "the request of the proxy names nobody"
        return identity

    def _environ(self, **changes: object) -> "WSGIEnvironment":
        return {"REMOTE_ADDR": "203.0.113.5", PEER: self.peer, **self.headers, **changes}

    @pytest.mark.parametrize("peer", STRANGERS)
    def test_nobody_else_is_believed(self, backend: AmbientBackend, peer: str) -> None:
        """Whatever the client's address is said to be."""
        for client in ("203.0.113.5", self.peer):
            with pytest.raises(ForbiddenError):
                backend.identify({**self._environ(REMOTE_ADDR=client), PEER: peer})

    def test_a_request_that_says_nothing_is_nobodys(self, backend: AmbientBackend) -> None:
        """From the proxy or from anywhere."""
        for peer in (self.peer, *STRANGERS):
            assert backend.identify({"REMOTE_ADDR": "203.0.113.5", PEER: peer}) is None

    def test_what_was_said_twice_is_not_believed(self, backend: AmbientBackend) -> None:
        """A proxy may have added its word to a stranger's."""
        for key in self.headers:
            with pytest.raises(ForbiddenError):
                backend.identify({**self._environ(), REPEATED: frozenset({key})})

    @pytest.mark.parametrize("text", NASTY, ids=lambda text: ascii(text)[:20])
    def test_strange_texts_break_nothing(self, backend: AmbientBackend, text: str) -> None:
        """Whoever is named then, nothing in the name can break a page or a log."""
        for key in self.headers:
            try:
                found = backend.identify(self._environ(**{key: text}))
            except ForbiddenError:
                continue
            texts = [found.uid, found.subject, *found.groups] if found else []
            assert all(part.isprintable() for part in texts)
