"""Every registered login backend keeps the contract of its kind."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import ldap
import pytest
from pydantic import SecretStr

from issuer.backend import AmbientBackend, Backend, BackendServices, FormBackend, RedirectBackend
from issuer.backends.header import HeaderBackend, HeaderSettings
from issuer.backends.ldap import LdapBackend, LdapSettings
from issuer.backends.local import LocalBackend, LocalSettings, LocalUsers
from issuer.testing import PUBLIC_URL, AmbientContract, BackendContract, FormContract, RedirectContract
from issuer.wiring.plugins import BACKENDS, known, load
from tests.openid.provider import Provider, Visit
from tests.openldap.people import PEOPLE, SERVICE, SERVICE_PASSWORD, dn_of, password_of
from tests.openldap.server import OpenLDAP

KINDS: dict[type[Backend], type[BackendContract]] = {
    FormBackend: FormContract,
    RedirectBackend: RedirectContract,
    AmbientBackend: AmbientContract,
}


class TestLocal(FormContract):
    """Contract suite green for all four, and shown in the docs for a fifth that the reader writes (20 lines,
    run as a test).
    """

    type = "local"
    other_logins = ("DWho", " dwho ", "\N{FULLWIDTH LATIN SMALL LETTER D}who")

    @pytest.fixture
    def backend(self, services: BackendServices) -> LocalBackend:
        LocalUsers(services).add(
            self.uid, self.password, {"cn": "The Doctor", "mail": ["a@x", "b@x"]}, ("a",)
        )
        return LocalBackend(self.instance, LocalSettings(), services)

    def remove(self, backend: Any) -> None:
        LocalUsers(backend.services).change(self.uid, {}, enabled=False)


class TestLdap(FormContract):
    """Contract suite green for all four, and shown in the docs for a fifth that the reader writes (20 lines,
    run as a test).
    """

    type = "ldap"
    uid = "contract"
    login = "contract"
    other_logins = ("Contract", " contract ")
    password = password_of("contract")

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
        openldap.add_person(self.uid)
        self._directory = openldap
        yield backend
        backend.stop()
        with contextlib.suppress(ldap.NO_SUCH_OBJECT):
            openldap.remove(dn_of(self.uid))

    def remove(self, backend: Backend) -> None:
        self._directory.remove(dn_of(self.uid))


class TestHeader(AmbientContract):
    """Contract suite green for all four, and shown in the docs for a fifth that the reader writes (20 lines,
    run as a test).
    """

    type = "header"
    headers: ClassVar = {
        "HTTP_X_REMOTE_USER": "dwho",
        "HTTP_X_REMOTE_MAIL": "d@example.com",
        "HTTP_GROUPS": "a, b",
    }

    @pytest.fixture
    def backend(self, services: BackendServices) -> HeaderBackend:
        settings = HeaderSettings.model_validate(
            {
                "trusted_addresses": [self.peer],
                "user_header": "X-Remote-User",
                "mail_header": "X-Remote-Mail",
                "groups_header": "Groups",
            }
        )
        return HeaderBackend(self.instance, settings, services)


class TestOidc(RedirectContract):
    """Contract suite green for all four, and shown in the docs for a fifth that the reader writes (20 lines,
    run as a test).
    """

    type = "oidc"

    @pytest.fixture(autouse=True)
    def _at_the_provider(self, provider: Provider) -> None:
        provider.control("person", sub=self.uid, claims={})
        self._provider = provider

    @pytest.fixture
    def now(self) -> float:
        return time.time()

    @pytest.fixture
    def section(self, provider: Provider) -> dict[str, Any]:
        back = f"{PUBLIC_URL}login/{self.instance}/callback"
        return provider.section(back, post_logout_redirect_uris=[f"{PUBLIC_URL}logout"])

    def travel(self, url: str) -> str:
        visit = Visit(self._provider)
        if "prompt=none" in url:
            visit.sign_in(url.replace("prompt=none", ""), self.uid)
        return visit.sign_in(url, self.uid)

    def travel_as_nobody(self, url: str) -> str:
        return Visit(self._provider).sign_in(url, self.uid)


def contracts(kind: type[BackendContract]) -> Iterator[type[BackendContract]]:
    for found in kind.__subclasses__():
        yield found
        yield from contracts(found)


@pytest.mark.parametrize("name", known(BACKENDS))
def test_every_backend_is_tested_as_what_it_is(name: str) -> None:
    """Contract suite green for all four, and shown in the docs for a fifth that the reader writes (20 lines,
    run as a test).
    """
    backend = load(BACKENDS, name, Backend)
    (contract,) = [contract for kind, contract in KINDS.items() if issubclass(backend, kind)]
    tested = [found for found in contracts(contract) if found.type == name]
    assert tested
    assert all(found.__name__.startswith("Test") for found in tested)
