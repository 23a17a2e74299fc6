"""The figures of the LDAP backend, with OpenLDAP and StartTLS on this machine, one sign-in at a time."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import SecretStr

from bench.baselines.directory import connect, search_and_bind, searching
from bench.figures import Figure, ratios
from issuer.backends.ldap import LdapBackend, LdapSettings
from issuer.testing import open_gateway
from tests.openldap.people import CROWD, PEOPLE, SERVICE, SERVICE_PASSWORD, password_of
from tests.openldap.server import OpenLDAP, running_openldap
from tests.upstream.authority import Authority

SIGN_INS = 1_000
"""Of a round."""


def figures(directory: Path) -> Iterator[Figure]:
    directory = directory / "ldap"
    directory.mkdir()
    with running_openldap(Authority(directory)) as server:
        yield by_backend(directory, server)


def by_backend(directory: Path, server: OpenLDAP) -> Figure:
    """From login and password to identity, against the same on connections that are kept as well.

    The limits of the form and the session are not in it: they are the same for every backend.
    """
    gateway = open_gateway(directory / "gateway", {})
    settings = LdapSettings(
        servers=[server.url],
        ca_file=server.ca_file,
        bind_dn=SERVICE,
        bind_password=SecretStr(SERVICE_PASSWORD),
        user_base=PEOPLE,
    )
    backend = LdapBackend("ldap", settings, gateway.parts.services)
    search, bind = searching(server), connect(server)

    def sign_in(uid: str) -> None:
        if backend.authenticate(uid, password_of(uid)) is None:
            raise RuntimeError("no sign-in")

    values, note = ratios(
        lambda: seconds(SIGN_INS, sign_in),
        lambda: seconds(SIGN_INS, lambda uid: search_and_bind(search, bind, uid, password_of(uid))),
    )
    backend.stop()
    gateway.close()
    return Figure("LDAP sign-in : bare python-ldap search and bind", 1.5, values, f"{note} s", "", True, True)


def seconds(count: int, work: Callable[[str], None]) -> float:
    """Return how long it takes to sign in so many people."""
    begin = time.perf_counter()
    for number in range(count):
        work(f"user{number % CROWD}")
    return time.perf_counter() - begin
