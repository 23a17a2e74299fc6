"""What a short script does to check a password: search for the person in the directory, and bind as them.

On connections that are kept, or on one that it makes for each password, as most programs do.
"""

import ldap
from ldap.filter import filter_format
from ldap.ldapobject import SimpleLDAPObject

from tests.openldap.people import PEOPLE, SERVICE, SERVICE_PASSWORD
from tests.openldap.server import OpenLDAP

ATTRIBUTES = ["entryUUID", "uid", "cn", "displayName", "givenName", "mail", "sn", "memberOf"]


def connect(server: OpenLDAP) -> SimpleLDAPObject:
    """Connect with StartTLS, and check the certificate."""
    connection = ldap.initialize(server.url)
    connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(server.ca_file))
    connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    connection.start_tls_s()
    return connection


def searching(server: OpenLDAP) -> SimpleLDAPObject:
    """Connect as the account that searches."""
    connection = connect(server)
    connection.simple_bind_s(SERVICE, SERVICE_PASSWORD)
    return connection


def search_and_bind(search: SimpleLDAPObject, bind: SimpleLDAPObject, uid: str, password: str) -> None:
    """Raise `ldap.INVALID_CREDENTIALS` when the password is wrong."""
    text = filter_format("(uid=%s)", [uid])
    ((dn, _),) = search.search_ext_s(PEOPLE, ldap.SCOPE_SUBTREE, text, ATTRIBUTES)
    bind.simple_bind_s(dn, password)


def connect_search_and_bind(server: OpenLDAP, uid: str, password: str) -> None:
    """Do the same on one new connection."""
    connection = searching(server)
    search_and_bind(connection, connection, uid, password)
    connection.unbind_s()
