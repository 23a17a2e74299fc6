"""Encryption: certificates are checked, and a password never goes out before."""

from pathlib import Path

import pytest

from issuer.errors import UnavailableError
from tests.backends.ldap.conftest import Build
from tests.backends.ldap.seen import shows_the_line
from tests.openldap.people import password_of
from tests.openldap.server import OpenLDAP
from tests.upstream.authority import Authority

OTHER_NAME = "127.0.0.2"
"""Where the server listens too, and which its certificate does not name."""


def _url(openldap: OpenLDAP, scheme: str) -> str:
    return openldap.tls_url if scheme == "ldaps" else openldap.url


@shows_the_line
@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_certificate_of_our_authority(build: Build, openldap: OpenLDAP, scheme: str) -> None:
    backend = build(servers=[_url(openldap, scheme)])
    before = len(openldap.log())
    assert backend.authenticate("dwho", password_of("dwho"))
    log = openldap.log()[before:]
    assert log.count("TLS established") == 2
    assert log.index("TLS established") < log.index("BIND")


@shows_the_line
@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
@pytest.mark.parametrize("authority_of", ["another", "the system"])
def test_a_certificate_of_another_authority(
    build: Build, openldap: OpenLDAP, tmp_path: Path, scheme: str, authority_of: str
) -> None:
    ca_file = Authority(tmp_path).path if authority_of == "another" else None
    backend = build(servers=[_url(openldap, scheme)], ca_file=ca_file)
    before = len(openldap.log())
    with pytest.raises(UnavailableError):
        backend.authenticate("dwho", password_of("dwho"))
    assert "BIND" not in openldap.log()[before:]


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_certificate_for_another_name(build: Build, openldap: OpenLDAP, scheme: str) -> None:
    backend = build(servers=[_url(openldap, scheme).replace("127.0.0.1", OTHER_NAME)])
    before = len(openldap.log())
    with pytest.raises(UnavailableError):
        backend.authenticate("dwho", password_of("dwho"))
    assert "BIND" not in openldap.log()[before:]


def test_the_environment_does_not_switch_the_check_off(
    build: Build, openldap: OpenLDAP, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LDAPTLS_REQCERT", "never")
    monkeypatch.setenv("LDAPTLS_CACERT", str(openldap.ca_file))
    backend = build(servers=[openldap.tls_url], ca_file=Authority(tmp_path).path)
    with pytest.raises(UnavailableError):
        backend.authenticate("dwho", password_of("dwho"))


def test_plain_text_after_a_loud_option(build: Build, openldap: OpenLDAP) -> None:
    backend = build(start_tls=False, send_passwords_in_plain_text=True)
    before = len(openldap.log())
    assert backend.authenticate("dwho", password_of("dwho"))
    assert "TLS established" not in openldap.log()[before:]
    assert [*backend.warnings()] == [
        "passwords go to the directory unencrypted: set start_tls = true, or use ldaps://"
    ]
