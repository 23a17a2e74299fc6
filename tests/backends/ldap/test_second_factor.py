"""People of a directory have second factors too; who is gone between password and code stays out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from issuer.testing import LocalGateway, open_gateway
from tests.authentication.factors.apps import App
from tests.authentication.factors.people import KEY, codes_in, location, post, svg_of
from tests.openldap.people import PEOPLE, SERVICE, SERVICE_PASSWORD, dn_of, entry_uuid, password_of
from tests.openldap.server import OpenLDAP


@pytest.fixture
def gateway(openldap: OpenLDAP, tmp_path: Path) -> Iterator[LocalGateway]:
    directory = {
        "servers": [openldap.url],
        "ca_file": str(openldap.ca_file),
        "bind_dn": SERVICE,
        "bind_password": SERVICE_PASSWORD,
        "user_base": PEOPLE,
    }
    factor = {"key": KEY, "required": 'inGroup("doctors") || uid == "user905"'}
    gateway = open_gateway(tmp_path, {"backends": {"ldap": directory}, "second_factor": factor})
    yield gateway
    gateway.close()


def _password(gateway: LocalGateway, uid: str) -> tuple[FlaskClient, str]:
    client = gateway.client()
    return client, location(post(client, "/login", login=uid, password=password_of(uid.lower()), next="/"))


def test_a_doctor_needs_a_code(gateway: LocalGateway) -> None:
    assert _password(gateway, "user906")[1] == "/"
    client, page = _password(gateway, "dwho")
    assert page == "/second-factor/set-up"
    app = App.scan(svg_of(client.get(page).text))
    done = post(client, page, code=app.code(gateway.clock.now()))
    assert len(codes_in(done.text)) == 10
    client, page = _password(gateway, "DWho")
    assert page == "/second-factor/code"
    gateway.clock.advance(30)
    assert location(post(client, page, code=app.code(gateway.clock.now()))) == "/"
    (factor,) = gateway.parts.store.second_factors.all()
    assert (factor.backend, factor.subject, factor.uid) == ("ldap", entry_uuid(dn_of("dwho")), "dwho")
    (*_, session) = gateway.parts.store.sessions.of_uid("dwho")
    assert session.identity.auth_level == 2
    assert "doctors" in session.identity.groups


def test_who_is_gone_between_password_and_code_stays_out(gateway: LocalGateway, openldap: OpenLDAP) -> None:
    client, page = _password(gateway, "user905")
    app = App.scan(svg_of(client.get(page).text))
    openldap.remove(dn_of("user905"))
    answer = post(client, page, code=app.code(gateway.clock.now()))
    assert location(answer).startswith("/login")
    assert gateway.parts.store.second_factors.all() == []
    assert gateway.parts.store.sessions.of_uid("user905") == []
