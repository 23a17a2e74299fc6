"""LDAP: people of a directory - OpenLDAP, Active Directory, FreeIPA and their like.

It owns the connections to the directory, how a person is found there, whether the password is right, and
which groups they are in. Limits for wrong passwords, mapping and sessions are `issuer.authentication`'s. It
has no routes.

Needs python-ldap, which is the extra `ldap`.

Configuration sample:

    [backends.ldap]
    servers = ["ldaps://ldap1.example.com", "ldaps://ldap2.example.com"]
    bind_dn = "cn=gateway,dc=example,dc=com"
    bind_password_file = "ldap.password"
    user_base = "ou=people,dc=example,dc=com"
"""

try:
    import ldap as _python_ldap  # noqa: F401 - only to say how to install it
except ImportError as error:
    raise ImportError("the LDAP backend needs python-ldap: docs/ldap.md says how it is installed") from error

from issuer.backends.ldap.backend import LdapBackend
from issuer.backends.ldap.settings import LdapSettings

__all__ = ["LdapBackend", "LdapSettings"]
