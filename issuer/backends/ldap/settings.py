"""The options of the LDAP backend."""

import re
from typing import Annotated, Literal, Self

import ldap.dn
from pydantic import AfterValidator, Field, field_validator, model_validator

from issuer.backend import BackendSettings
from issuer.backends.ldap.templates import DN, LOGIN, UID, LoginFilter, is_filter
from issuer.settings.types import CaFile, Duration, Secret

URL = re.compile(r"ldaps?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?/?")


def _url(value: str) -> str:
    if not URL.fullmatch(value):
        raise ValueError('not the URL of an LDAP server: write it as "ldaps://ldap.example.com"')
    return value.rstrip("/")


def _dn(value: str) -> str:
    if not ldap.dn.is_dn(value.replace(LOGIN, "x")):
        raise ValueError('not a distinguished name: write it as "ou=people,dc=example,dc=com"')
    return value


LdapUrl = Annotated[str, AfterValidator(_url)]
"""`ldap://host:port` or `ldaps://host:port`; the port can be left out."""

DistinguishedName = Annotated[str, AfterValidator(_dn)]
"""A name in the directory (RFC 4514); may be empty."""


class LdapSettings(BackendSettings):
    """People of an LDAP directory. Needs the extra `ldap`."""

    servers: list[LdapUrl] = Field(min_length=1, examples=[["ldaps://ldap.example.com"]])
    """URLs of the directory's servers, the preferred one first; the next is asked when one fails."""
    start_tls: bool = True
    """Encrypt connections to `ldap://` servers with StartTLS before anything else is sent."""
    send_passwords_in_plain_text: bool = False
    """DANGEROUS: allows `ldap://` without StartTLS. Everybody on the way reads every password."""
    ca_file: CaFile | None = None
    """PEM file with the authorities that sign the servers' certificates; default: those of the system."""
    bind_dn: DistinguishedName = ""
    """The account that searches for people; without it, searches are anonymous."""
    bind_password: Secret | None = None
    """Its password."""
    user_base: DistinguishedName = ""
    """Where people are searched for, with everything below."""
    user_filter: str = "(uid={login})"
    """Filter that finds a person by what they typed; it must find one at most."""
    user_dn: DistinguishedName = ""
    """Instead of a search: the person's name in the directory, as in `uid={login},ou=people,dc=example`."""
    nobody_dn: DistinguishedName = ""
    """An entry whose password nobody knows. Passwords for unknown names are tried there, and take as long."""
    subject_attribute: str = "entryUUID"
    """What tells people apart for ever; Active Directory: `objectGUID`, FreeIPA: `ipaUniqueID`."""
    uid_attribute: str = "uid"
    """What their user name is; Active Directory: `sAMAccountName`."""
    read: list[str] = Field(default=["cn", "displayName", "givenName", "mail", "sn"])
    """Attributes that rules, claims and `attributes` can use."""
    groups_by: Literal["memberOf", "search", "in_chain", "nothing"] = "memberOf"
    """How groups are found: named in the person's entry, by `group_filter`, by Active Directory with all that
    are nested, or not at all."""
    group_base: DistinguishedName = ""
    """Where groups are searched for; default: `user_base`."""
    group_filter: str = "(member={dn})"
    """Filter that finds the groups of the person `{dn}`, whose user name is `{uid}`."""
    group_name: str = "cn"
    """The attribute of a group that is its name in rules."""
    nested_groups: bool = False
    """Whether a group's own groups count too, and theirs."""
    connect_timeout: Duration = 3.0
    """Longest time until a server has taken a connection; the same again for TLS."""
    operation_timeout: Duration = 5.0
    """Longest time for a server's answer."""
    connections: int = Field(default=4, ge=1, le=100)
    """Sign-ins that one worker runs on one server at the same time; each holds up to two connections."""

    @field_validator("user_filter")
    @classmethod
    def _finds_a_login(cls, value: str) -> str:
        LoginFilter(value)
        return value

    @field_validator("group_filter")
    @classmethod
    def _finds_groups(cls, value: str) -> str:
        if not is_filter(value) or not (DN in value or UID in value):
            raise ValueError('not a filter for the groups of a person: write it as "(member={dn})"')
        return value

    @field_validator("user_dn")
    @classmethod
    def _names_a_login(cls, value: str) -> str:
        if value and LOGIN not in value:
            raise ValueError('has no {login}: write it as "uid={login},ou=people,dc=example,dc=com"')
        return value

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        plain = [url for url in self.servers if url.startswith("ldap:")]
        if plain and not self.start_tls and not self.send_passwords_in_plain_text:
            raise ValueError(
                f"{plain[0]} would get passwords unencrypted: use ldaps:// or start_tls = true "
                "(or say send_passwords_in_plain_text = true, if nobody else is on the way)"
            )
        return self

    @model_validator(mode="after")
    def _account(self) -> Self:
        if bool(self.bind_dn) != (self.bind_password is not None):
            raise ValueError("bind_dn and bind_password go together: give both or none")
        return self

    @model_validator(mode="after")
    def _bases(self) -> Self:
        if not self.user_base and not self.user_dn:
            raise ValueError("user_base is missing: say where people are, or give the template user_dn")
        if self.groups_by in {"search", "in_chain"} and not (self.group_base or self.user_base):
            raise ValueError("group_base is missing: say where the groups are")
        if self.groups_by == "search" and self.nested_groups and DN not in self.group_filter:
            raise ValueError("nested_groups needs {dn} in group_filter: groups are members by their names")
        return self

    @model_validator(mode="after")
    def _filters(self) -> Self:
        if not self.can_search and self.user_filter != type(self).model_fields["user_filter"].default:
            raise ValueError("user_filter would find nobody: with user_dn it needs user_base and bind_dn")
        return self

    @property
    def can_search(self) -> bool:
        """Tell whether people can be looked up without their password."""
        return bool(self.user_base) and (bool(self.bind_dn) or not self.user_dn)
