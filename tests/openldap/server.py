"""OpenLDAP from Debian's package, in a directory of its own, started and stopped by the tests.

A missing server is a failure, never a skip.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ldap
import pytest
from ldap.ldapobject import SimpleLDAPObject

from tests.openldap.people import BASE, DECOY, HERMIT, PEOPLE, SERVICE, ldif, person
from tests.service import free_port
from tests.upstream.authority import Authority

SLAPD = Path("/usr/sbin/slapd")
ADMIN = f"cn=admin,{BASE}"
SCHEMA = Path("/etc/ldap/schema")
REMEDY = "OpenLDAP is missing: tools/debian-packages installs it"
START_SECONDS = 30.0

CONFIGURATION = """\
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
include {schema}/nis.schema
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID'
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 EQUALITY octetStringMatch SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.4203.666.11.1 NAME 'guided' AUXILIARY MAY objectGUID )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload back_monitor
moduleload memberof
moduleload ppolicy
pidfile {directory}/pid
TLSCertificateFile {certificate}
TLSCertificateKeyFile {certificate}
TLSCACertificateFile {authority}
threads 8

database mdb
suffix {base}
rootdn {admin}
rootpw secret
directory {directory}/data
maxsize 67108864
dbnosync
index objectClass,uid,mail,member,memberUid,entryUUID eq
access to attrs=userPassword by anonymous auth by * none
access to dn.base={base} by * read
access to dn.base="{hermit}" by dn.exact="{service}" read by * none
access to * by dn.exact="{service}" read by self read by * none
overlay memberof
memberof-dangling ignore
overlay ppolicy
ppolicy_default cn=default,ou=policies,{base}
ppolicy_use_lockout

database monitor
access to * by dn.exact="{service}" read by * none
"""


class OpenLDAP:
    """A directory; `start` and `stop` it at will, on the same ports."""

    people, service, decoy = PEOPLE, SERVICE, DECOY

    def __init__(self, directory: Path, authority: Authority) -> None:
        self.ca_file = authority.path
        self.plain_port, self.tls_port = free_port(), free_port()
        self._directory = directory
        self._log = directory / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._load(authority.file("localhost", "127.0.0.1"))

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.plain_port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    def _load(self, certificate: Path) -> None:
        if not SLAPD.exists():
            pytest.fail(REMEDY)
        (self._directory / "data").mkdir()
        text = CONFIGURATION.format(
            directory=self._directory,
            schema=SCHEMA,
            certificate=certificate,
            authority=self.ca_file,
            base=BASE,
            service=SERVICE,
            hermit=HERMIT,
            admin=ADMIN,
        )
        self._file.write_text(text)
        load: list[str | Path] = [SLAPD, "-T", "add", "-q", "-f", self._file]
        done = subprocess.run(load, input=ldif().encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    @property
    def _file(self) -> Path:
        return self._directory / "slapd.conf"

    def start(self) -> None:
        command = [SLAPD, "-f", self._file, "-h", " ".join(self._listens_at()), "-d", "stats"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *map(str, command)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            alive = self._process.poll() is None and time.monotonic() < deadline
            assert alive, f"OpenLDAP does not start:\n{self._log.read_text()}"
            time.sleep(0.02)

    def _listens_at(self) -> Iterator[str]:
        for address in ("127.0.0.1", "127.0.0.2"):
            yield f"ldap://{address}:{self.plain_port}/"
            yield f"ldaps://{address}:{self.tls_port}/"

    def _answers(self) -> bool:
        try:
            ldap.initialize(self.url).simple_bind_s()
        except ldap.SERVER_DOWN:
            return False
        return True

    def kill(self) -> None:
        """Let it die at once, as a machine without power."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def _administer(self) -> SimpleLDAPObject:
        connection = ldap.initialize(self.url)
        connection.simple_bind_s(ADMIN, "secret")
        return connection

    def modify(self, dn: str, **values: str | bytes) -> None:
        """Set attributes of an entry."""
        raw = {name: value if isinstance(value, bytes) else value.encode() for name, value in values.items()}
        changes = [(ldap.MOD_REPLACE, name, [value]) for name, value in raw.items()]
        self._administer().modify_s(dn, changes)

    def add_person(self, uid: str) -> None:
        """Add somebody who is like the others."""
        dn, values = person(uid)
        lists = {name: [given] if isinstance(given, str) else given for name, given in values.items()}
        entry = [(name, [one.encode() for one in given]) for name, given in lists.items() if given]
        self._administer().add_s(dn, entry)

    def remove(self, dn: str) -> None:
        """Remove an entry."""
        self._administer().delete_s(dn)

    def log(self) -> str:
        """Return what it logged: every operation, with DNs and results."""
        return self._log.read_text()


@contextmanager
def running_openldap(authority: Authority) -> Iterator[OpenLDAP]:
    """Start a directory with all people; stop and remove it at the end."""
    directory = Path(tempfile.mkdtemp(prefix="issuer-openldap-"))
    try:
        server = OpenLDAP(directory, authority)
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def openldap(authority: Authority, programs: None) -> Iterator[OpenLDAP]:
    """A directory that every test of a session shares."""
    with running_openldap(authority) as server:
        yield server
