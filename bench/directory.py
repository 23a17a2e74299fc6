"""The figures of LDAP, with OpenLDAP and StartTLS on this machine, one sign-in at a time.

The backend's part is compared with a search and a bind on kept connections, for it keeps its own. A whole
sign-in, from the form that a browser sends to the session that is in the store, is compared with what a bare
program does for one: connect with StartTLS, search, bind.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from pydantic import SecretStr

from bench.baselines.directory import connect, connect_search_and_bind, search_and_bind, searching
from bench.figures import Figure, ratios
from bench.load import send_form
from bench.servers import ISSUER, free_port, running
from issuer.backends.ldap import LdapBackend, LdapSettings
from issuer.testing import open_gateway
from tests.openldap.people import CROWD, PEOPLE, SERVICE, SERVICE_PASSWORD, password_of
from tests.openldap.server import OpenLDAP, running_openldap
from tests.upstream.authority import Authority

SIGN_INS = 1_000
"""Of a round."""
FORMS = 500
CONFIGURATION = """\
public_url = "http://127.0.0.1:{port}/"

[server]
bind = "127.0.0.1:{port}"
workers = 1

[backends.ldap]
servers = ["{server}"]
ca_file = "{ca_file}"
bind_dn = "{service}"
bind_password = "{password}"
user_base = "{people}"
"""


def figures(directory: Path) -> Iterator[Figure]:
    directory = directory / "ldap"
    directory.mkdir()
    with running_openldap(Authority(directory)) as server:
        yield by_backend(directory, server)
        yield by_form(directory, server)


def by_backend(directory: Path, server: OpenLDAP) -> Figure:
    """From login and password to identity, against the same on connections that are kept as well."""
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
    name = "LDAP backend : bare python-ldap search and bind, connections kept"
    return Figure(name, 1.5, values, f"{note} s", "", True, True)


def by_form(directory: Path, server: OpenLDAP) -> Figure:
    """From the form to the session, by HTTP: limits, identity, session, known browser and log with it."""
    port, folder = free_port(), directory / "product"
    folder.mkdir()
    text = CONFIGURATION.format(
        port=port,
        server=server.url,
        ca_file=server.ca_file,
        service=SERVICE,
        password=SERVICE_PASSWORD,
        people=PEOPLE,
    )
    (folder / "issuer.toml").write_text(text)
    command = [str(ISSUER), "--config", str(folder / "issuer.toml"), "serve"]
    with running(command, port, folder / "log"), closing(HTTPConnection("127.0.0.1", port)) as browser:
        # the first sign-in also takes the name
        seconds(CROWD, lambda uid: send_form(browser, uid, password_of(uid)))
        values, note = ratios(
            lambda: seconds(FORMS, lambda uid: send_form(browser, uid, password_of(uid))),
            lambda: seconds(FORMS, lambda uid: connect_search_and_bind(server, uid, password_of(uid))),
        )
    name = "LDAP sign-in by form : bare python-ldap connect, search and bind"
    return Figure(name, 1.5, values, f"{note} s", "", True, True)


def seconds(count: int, work: Callable[[str], None]) -> float:
    """Return how long it takes to sign in so many people."""
    begin = time.perf_counter()
    for number in range(count):
        work(f"user{number % CROWD}")
    return time.perf_counter() - begin
