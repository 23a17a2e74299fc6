"""Every registered login backend keeps the contract."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from issuer.backend import BackendServices
from issuer.backends.ldap import LdapBackend, LdapSettings
from issuer.backends.local import LocalBackend, LocalSettings, LocalUsers
from issuer.plugins import BACKENDS, known
from issuer.testing import BackendContract
from tests.openldap.people import PEOPLE, SERVICE, SERVICE_PASSWORD, password_of
from tests.openldap.server import OpenLDAP


class TestLocal(BackendContract):
    type = "local"
    other_logins = ("DWho", " dwho ", "\N{FULLWIDTH LATIN SMALL LETTER D}who")

    @pytest.fixture
    def backend(self, services: BackendServices) -> LocalBackend:
        LocalUsers(services).add(
            self.uid, self.password, {"cn": "The Doctor", "mail": ["a@x", "b@x"]}, ("a",)
        )
        return LocalBackend(self.instance, LocalSettings(), services)


class TestLdap(BackendContract):
    type = "ldap"
    other_logins = ("DWho", " dwho ")
    password = password_of("dwho")

    @pytest.fixture
    def backend(self, services: BackendServices, openldap: OpenLDAP) -> Iterator[LdapBackend]:
        settings = LdapSettings(
            servers=[openldap.url],
            ca_file=openldap.ca_file,
            bind_dn=SERVICE,
            bind_password=SecretStr(SERVICE_PASSWORD),
            user_base=PEOPLE,
        )
        backend = LdapBackend(self.instance, settings, services)
        yield backend
        backend.stop()


def test_every_backend_is_tested() -> None:
    assert {contract.type for contract in BackendContract.__subclasses__()} == set(known(BACKENDS))
