"""Every registered login backend keeps the contract."""

import pytest

from issuer.backend import BackendServices
from issuer.backends.local import LocalBackend, LocalSettings, LocalUsers
from issuer.plugins import BACKENDS, known
from issuer.testing import BackendContract


class TestLocal(BackendContract):
    type = "local"
    other_logins = ("DWho", " dwho ", "\N{FULLWIDTH LATIN SMALL LETTER D}who")

    @pytest.fixture
    def backend(self, services: BackendServices) -> LocalBackend:
        LocalUsers(services).add(
            self.uid, self.password, {"cn": "The Doctor", "mail": ["a@x", "b@x"]}, ("a",)
        )
        return LocalBackend(self.instance, LocalSettings(), services)


def test_every_backend_is_tested() -> None:
    assert {contract.type for contract in BackendContract.__subclasses__()} == set(known(BACKENDS))
