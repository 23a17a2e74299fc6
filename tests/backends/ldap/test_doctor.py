"""`issuer doctor`: each fault is found, and its remedy named."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from issuer.backends.ldap.diagnosis import DiagnosisError
from tests.backends.ldap.conftest import Build
from tests.backends.ldap.stub import Stub
from tests.openldap.server import OpenLDAP
from tests.upstream.authority import Authority

NO_START_TLS = bytes.fromhex("300c02010178070a010204000400")


def _run(build: Build, **options: Any) -> None:
    (check,) = build(**options).doctor()
    assert not check.offline
    check.run()


def test_all_is_well(build: Build, openldap: OpenLDAP) -> None:
    _run(build)
    _run(build, servers=[openldap.tls_url])
    _run(build, user_dn="uid={login},ou=people,dc=example,dc=org", bind_dn="", bind_password=None)
    assert len([*build(servers=[openldap.url, openldap.tls_url]).doctor()]) == 2


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"servers": ["ldap://127.0.0.1:1"]}, r"cannot be reached: Connection refused\. Check its name"),
        ({"bind_password": SecretStr("wrong")}, "refuses bind_dn with bind_password: check both"),
        ({"user_base": "ou=nowhere,dc=example,dc=org"}, "user_base cannot be seen"),
        ({"group_base": "ou=nowhere,dc=example,dc=org"}, "group_base cannot be seen"),
        ({"bind_dn": "", "bind_password": None}, "user_base cannot be seen"),
        ({"user_filter": "(employeeNumber={login})"}, "nobody matches"),
        ({"subject_attribute": "employeeNumber"}, "shows no employeeNumber"),
    ],
)
def test_faults(build: Build, options: dict[str, Any], remedy: str) -> None:
    with pytest.raises(DiagnosisError, match=remedy):
        _run(build, **options)


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_certificate_that_cannot_be_trusted(
    build: Build, openldap: OpenLDAP, tmp_path: Path, scheme: str
) -> None:
    url = openldap.url if scheme == "ldap" else openldap.tls_url
    with pytest.raises(DiagnosisError, match=r"cannot be trusted: .*\. Set ca_file"):
        _run(build, servers=[url], ca_file=Authority(tmp_path).path)


def test_a_server_without_tls(build: Build) -> None:
    with Stub(answer=NO_START_TLS) as stub, pytest.raises(DiagnosisError, match="does not offer StartTLS"):
        _run(build, servers=[f"ldap://{stub.address}"])


@pytest.mark.parametrize(
    ("scheme", "remedy"), [("ldap", "does not answer to StartTLS"), ("ldaps", "TLS fails")]
)
def test_a_silent_server(build: Build, stub: Stub, scheme: str, remedy: str) -> None:
    with pytest.raises(DiagnosisError, match=remedy):
        _run(build, servers=[f"{scheme}://{stub.address}"], connect_timeout=0.3)
