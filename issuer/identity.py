"""Who somebody is: what a login backend returns and a session keeps. How rows hold it is said here alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from issuer import jsontext

Attribute = str | list[str]

EMPTY = "{}"
FURTHER = ":"
"""Begins the names of further fields among the macros of a row: no macro can be called so."""
GROUPS = "groups"
OF_CLAIMS, OF_MACROS = "claims.", "macros."
"""Begin the names of claims and of macros among what is unknown of a person."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A person, as the login backend that vouches for them knows them.

    `(backend, subject)` is the identity key: stable, and never reused for somebody else. `uid` is the
    identifier as the directory has it, never as it was typed. `auth_level` is how strongly the person
    signed in (1 = password). `claims` is what else a backend was told, as nested as it came: only the mapping
    sees it, and no session keeps it. `macros` are the operator's named expressions, as the sign-in gave them.
    `proof` is what the password of a local user was checked against: a sign-in counts while the user has it.

    `unknown` names what could not be told, which is another thing than what somebody does not have: "groups",
    attributes, "macros.NAME", and until the mapping "claims.NAME". Rules that need it fail.

    Sessions, pending sign-ins and grants keep every field but `claims` and `proof`: whoever adds one adds it
    here alone, with a default, and with values that JSON has (of lists, tuples).
    """

    backend: str
    subject: str
    uid: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    auth_level: int = 1
    claims: Mapping[str, object] = field(default_factory=dict, repr=False)
    macros: Mapping[str, object] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    proof: str = field(default="", repr=False, compare=False)

    def first(self, name: str) -> str | None:
        """Return the first value of an attribute, or None when there is none."""
        value = self.attributes.get(name)
        if isinstance(value, list):
            return value[0] if value else None
        return value

    def to_row(self) -> dict[str, Any]:
        """Return the columns of a row that keeps the identity; texts are JSON in ASCII."""
        values = {name: getattr(self, name) for name in _FURTHER}
        further = {FURTHER + name: value for name, value in values.items() if value != _FURTHER[name]}
        return {
            "backend": self.backend,
            "subject": self.subject,
            "uid": self.uid,
            "attributes": jsontext.dump(dict(self.attributes)).decode(),
            "groups": jsontext.dump(self.groups).decode(),
            "auth_level": self.auth_level,
            "macros": jsontext.dump({**self.macros, **further}).decode(),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Identity":
        """Return the identity that `to_row` has written; other columns of the row do not matter.

        Raises:
            ValueError: a text is no JSON.
        """
        macros = row["macros"]
        named: dict[str, Any] = {} if macros == EMPTY else jsontext.load(macros)
        kept = {name: named.pop(FURTHER + name) for name in _FURTHER if FURTHER + name in named}
        further: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()
        }
        return cls(
            backend=row["backend"],
            subject=row["subject"],
            uid=row["uid"],
            attributes=jsontext.load(row["attributes"]),
            groups=tuple(jsontext.load(row["groups"])),
            auth_level=row["auth_level"],
            macros=named,
            **further,
        )


_COLUMNS = {"backend", "subject", "uid", "attributes", "groups", "auth_level", "macros"}
_NOT_KEPT = {"claims", "proof"}
_FURTHER = {field.name: field.default for field in fields(Identity) if field.name not in _COLUMNS | _NOT_KEPT}
