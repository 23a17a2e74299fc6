"""How values are written that a column cannot hold as they are."""

import hashlib
from collections.abc import Mapping
from typing import cast

from issuer import jsontext
from issuer.identity import Attribute


def dump_attributes(attributes: Mapping[str, Attribute]) -> str:
    """Return attributes as JSON, in ASCII: no character of a directory is beyond a column."""
    return jsontext.dump(dict(attributes)).decode()


def load_attributes(text: str) -> dict[str, Attribute]:
    """Return the attributes of a row."""
    return cast("dict[str, Attribute]", jsontext.load(text))


NO_VALUES = "{}"


def dump_values(values: Mapping[str, object]) -> str:
    """Return named values of any kind that JSON has, in ASCII."""
    return jsontext.dump(dict(values)).decode()


def load_values(text: str) -> dict[str, object]:
    """Return the named values of a row."""
    return cast("dict[str, object]", jsontext.load(text))


def dump_groups(groups: tuple[str, ...]) -> str:
    """Return groups as JSON, in ASCII."""
    return jsontext.dump(groups).decode()


def load_groups(text: str) -> tuple[str, ...]:
    """Return the groups of a row."""
    return tuple(jsontext.load(text))


def digest(text: str) -> bytes:
    """Return the SHA-256 of a key that a stranger may have typed: of any length, with any character."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def storable(text: str) -> bool:
    """Tell whether a database can hold a text: PostgreSQL takes no NUL, and neither takes lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
