"""Who somebody is: what a login backend returns and a session keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Attribute = str | list[str]


@dataclass(frozen=True, slots=True)
class Identity:
    """A person, as the login backend that vouches for them knows them.

    `(backend, subject)` is the identity key: stable, and never reused for somebody else. `uid` is the
    identifier as the directory has it, never as it was typed. `auth_level` is how strongly the person
    signed in (1 = password). `claims` is what else a backend was told, as nested as it came: only the mapping
    sees it, and no session keeps it. `macros` are the operator's named expressions, as the sign-in gave them.
    """

    backend: str
    subject: str
    uid: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    auth_level: int = 1
    claims: Mapping[str, object] = field(default_factory=dict, repr=False)
    macros: Mapping[str, object] = field(default_factory=dict)

    def first(self, name: str) -> str | None:
        """Return the first value of an attribute, or None when there is none."""
        value = self.attributes.get(name)
        if isinstance(value, list):
            return value[0] if value else None
        return value
