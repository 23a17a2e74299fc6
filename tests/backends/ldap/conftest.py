"""Directories, and backends that use them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from issuer.backend import BackendServices
from issuer.backends.ldap import LdapBackend, LdapSettings
from tests.backends.ldap.stub import Stub
from tests.openldap.people import DECOY, GROUPS, PEOPLE, SERVICE, SERVICE_PASSWORD
from tests.openldap.server import OpenLDAP

Build = Callable[..., LdapBackend]


@pytest.fixture
def build(openldap: OpenLDAP, services: BackendServices) -> Iterator[Build]:
    """Builds a backend on the test directory, by StartTLS; options are its section's."""
    built: list[LdapBackend] = []

    def build_(**options: Any) -> LdapBackend:
        common = {
            "servers": [openldap.url],
            "ca_file": openldap.ca_file,
            "bind_dn": SERVICE,
            "bind_password": SecretStr(SERVICE_PASSWORD),
            "user_base": PEOPLE,
            "nobody_dn": DECOY,
            "group_base": GROUPS,
        }
        built.append(LdapBackend("people", LdapSettings(**{**common, **options}), services))
        return built[-1]

    yield build_
    for backend in built:
        backend.stop()


@pytest.fixture
def backend(build: Build) -> LdapBackend:
    return build()


@pytest.fixture
def by_template(build: Build) -> LdapBackend:
    """People read their own entries; no account searches."""
    return build(user_dn=f"uid={{login}},{PEOPLE}", bind_dn="", bind_password=None)


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that takes connections and says nothing."""
    with Stub() as running:
        yield running
