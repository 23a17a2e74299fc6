"""The people of the test directory, as LDIF for slapadd: entries and operational attributes alike."""

import base64
import hashlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

BASE = "dc=example,dc=org"
PEOPLE = f"ou=people,{BASE}"
GROUPS = f"ou=groups,{BASE}"
SERVICE = f"cn=gateway,{BASE}"
SERVICE_PASSWORD = "let me search"
DECOY = f"cn=nobody,{BASE}"
CROWD = 1000
"""How many `user0` … there are."""
HERMIT = f"uid=hermit,{PEOPLE}"
"""Somebody who may not read their own entry."""
LONG_PASSWORD = "ä" * 2048
"""4,096 bytes of UTF-8."""
STRANGE_NAMES = (
    *(f"a{chr(code)}z" for code in range(0x20, 0x7F) if not chr(code).isalnum()),
    *(f"a{character}z" for character in "éß中ʰ\u0301\u0903٣Ⅷ½‿\u2013「」«»§\u00d7€\u00b4☃😀"),
    "#hash",
    "*)(uid=*",
    "\\2a",
    "dwho)(|(uid=*",
)
"""Names of people, with every printable character of ASCII and one of every class of Unicode."""
NAMESPACE = uuid.UUID("6ba7b814-9dad-11d1-80b4-00c04fd430c8")

Values = dict[str, str | Sequence[str]]


def password_of(uid: str) -> str:
    return LONG_PASSWORD if uid == "longpass" else f"password of {uid}"


def dn_of(uid: str) -> str:
    return f"uid={uid},{PEOPLE}"


def entry_uuid(dn: str) -> str:
    return str(uuid.uuid5(NAMESPACE, dn))


def hashed(password: str) -> str:
    """Return a password as OpenLDAP stores it by default (salted SHA-1)."""
    salt = b"salt of a test"
    digest = hashlib.sha1(password.encode() + salt, usedforsecurity=False).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def ldif() -> str:
    return "\n".join(_record(dn, values) for dn, values in _entries())


def _record(dn: str, values: Values) -> str:
    lines = [_line("dn", dn)]
    for name, given in {**values, "entryUUID": entry_uuid(dn)}.items():
        lines += [_line(name, value) for value in ([given] if isinstance(given, str) else given)]
    return "\n".join(lines) + "\n"


def _line(name: str, value: str) -> str:
    """Encode every value: so no value can be mistaken for something else."""
    return f"{name}:: {base64.b64encode(value.encode()).decode()}"


def _entries() -> Iterator[tuple[str, Values]]:
    yield BASE, {"objectClass": ["dcObject", "organization"], "dc": "example", "o": "Example"}
    for unit in (PEOPLE, GROUPS, f"ou=policies,{BASE}"):
        yield unit, {"objectClass": "organizationalUnit", "ou": unit[3:].partition(",")[0]}
    for dn, password in ((SERVICE, SERVICE_PASSWORD), (DECOY, "nobody knows this one")):
        role = {"objectClass": ["organizationalRole", "simpleSecurityObject"], "cn": dn[3:].partition(",")[0]}
        yield dn, {**role, "userPassword": hashed(password)}
    yield from _policies()
    yield from _people()
    for name, members in GROUP_MEMBERS.items():
        yield f"cn={name},{GROUPS}", _group(name, members)
    yield (
        f"cn=posix,{GROUPS}",
        {"objectClass": "posixGroup", "cn": "posix", "gidNumber": "7", "memberUid": "dwho"},
    )


def _policies() -> Iterator[tuple[str, Values]]:
    policies: dict[str, Values] = {
        "default": {},
        "strict": {"pwdLockout": "TRUE", "pwdMaxFailure": "3", "pwdMaxAge": "86400", "pwdMustChange": "TRUE"},
    }
    for name, values in policies.items():
        policy = {"objectClass": ["device", "pwdPolicy"], "cn": name, "pwdAttribute": "userPassword"}
        yield f"cn={name},ou=policies,{BASE}", {**policy, **values}


GROUP_MEMBERS = {
    "doctors": [dn_of("dwho")],
    "timelords": [f"cn=doctors,{GROUPS}", dn_of("master")],
    "gallifrey": [f"cn=timelords,{GROUPS}"],
    "loop": [f"cn=gallifrey,{GROUPS}", f"cn=loop,{GROUPS}", f"cn=pool,{GROUPS}"],
    "pool": [f"cn=loop,{GROUPS}"],
    'strange\\, \\"name\\"\\+*(x)': [dn_of("dwho")],
    "crowd": [dn_of(f"user{number}") for number in range(0, CROWD, 100)],
}
"""Groups by the value of their RDN, and their members: doctors → timelords → gallifrey → loop ⇄ pool."""


def _group(name: str, members: list[str]) -> Values:
    plain = name.replace("\\", "")
    return {
        "objectClass": "groupOfNames",
        "cn": plain,
        "description": f"The {plain}",
        "member": members,
        "memberOf": _groups_of(f"cn={name},{GROUPS}"),
    }


def _groups_of(dn: str) -> list[str]:
    return [f"cn={name},{GROUPS}" for name, members in GROUP_MEMBERS.items() if dn in members]


def _people() -> Iterator[tuple[str, Values]]:
    yield person("dwho", cn="The Doctor", mail=["doctor@example.org", "dwho@example.org"], title="Dr")
    yield person("Rose.Tyler", cn="Rose Tyler", mail="rose@example.org")
    yield person("longpass", cn="Long Password")
    yield person("master", cn="The Master", uid=["master", "koschei"])
    yield person("jürgen", cn="Jürgen (Ä)", mail="jürgen@example.org")
    for uid in STRANGE_NAMES:
        yield person(uid, cn="Odd Name")
    strict = f"cn=strict,ou=policies,{BASE}"
    yield person("locked", pwdPolicySubentry=strict, pwdAccountLockedTime="000001010000Z")
    yield person("expired", pwdPolicySubentry=strict, pwdChangedTime="20000101000000Z")
    yield person("mustchange", pwdPolicySubentry=strict, pwdChangedTime=_now(), pwdReset="TRUE")
    yield person("fumbler", pwdPolicySubentry=strict, pwdChangedTime=_now())
    yield person("twin1", mail="twins@example.org")
    yield person("twin2", mail="twins@example.org")
    nobody = dn_of("nopassword")
    yield nobody, {"objectClass": "inetOrgPerson", "uid": "nopassword", "cn": "No", "sn": "Password"}
    for number in range(CROWD):
        yield person(f"user{number}", mail=f"user{number}@example.org")
    yield person("hermit", cn="Unseen")
    yield person("haunted", memberOf=[f"cn=ghost,{GROUPS}", f"cn=doctors,{GROUPS}"])


def _now() -> str:
    return (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y%m%d%H%M%SZ")


def person(name: str, **values: str | Iterable[str]) -> tuple[str, Values]:
    """Return the DN and the values of somebody."""
    dn = f"uid={escaped(name)},{PEOPLE}"
    common: Values = {
        "objectClass": ["inetOrgPerson", "guided"],
        "uid": name,
        "cn": name,
        "sn": name,
        "userPassword": hashed(password_of(name)),
        "memberOf": _groups_of(dn),
    }
    return dn, {**common, **{key: v if isinstance(v, str) else list(v) for key, v in values.items()}}


def escaped(value: str) -> str:
    """Escape a value of a DN (RFC 4514 §2.4), as an independent check of what the backend does."""
    special = "".join(f"\\{character}" if character in ',+"\\<>;=' else character for character in value)
    return "\\" + special if special.startswith("#") else special
