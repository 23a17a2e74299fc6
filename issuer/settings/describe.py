"""Describes every option from its declaration: for the sample file and the reference in docs/."""

import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from issuer.settings.base import Section
from issuer.settings.types import UNITS, Duration

DURATION_META = Duration.__metadata__  # type: ignore[attr-defined]
SEVERAL: dict[Any, str] = {list: "[]", dict: '."<name>"'}
"""What ends the path of a section of which there can be several."""
PLAIN = {
    str: "text",
    bool: "true or false",
    int: "number",
    float: "number",
    Path: "path",
    SecretStr: "secret",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its name in its section, what it takes, its default and what it is for."""

    name: str
    kind: str
    default: str | None
    """TOML; None when the option is required, "" when it is absent by default."""
    text: str
    secret: bool
    example: str
    recommended: str = ""
    """TOML that a new file has instead of the default, "" when that is best."""


@dataclass(frozen=True, slots=True)
class SectionInfo:
    """A section: its path, what it is for, its options."""

    path: str
    text: str
    options: tuple[Option, ...]


def sections(model: type[BaseModel], path: str = "") -> Iterator[SectionInfo]:
    """Describe a section and those inside it, the outer one first."""
    options = []
    inner: list[tuple[str, type[BaseModel]]] = []
    for name, field in model.model_fields.items():
        nested = section_in(field.annotation)
        if nested:
            several = SEVERAL.get(get_origin(field.annotation), "")
            inner.append((".".join(filter(None, [path, name])) + several, nested))
        elif field.annotation != dict[str, dict[str, Any]]:
            options.append(_option(name, field))
    yield SectionInfo(path, inspect.cleandoc(model.__doc__ or ""), tuple(options))
    for inner_path, nested in inner:
        yield from sections(nested, inner_path)


def section_in(annotation: Any) -> type[BaseModel] | None:
    """Return the section that an option's type holds, as itself, in a list or in a table, or None."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind
    return None


def _option(name: str, field: FieldInfo) -> Option:
    secret = SecretStr in (field.annotation, *get_args(field.annotation))
    kind = _kind(field)
    default = None if field.is_required() else toml(field.default, kind)
    example = toml(field.examples[0]) if field.examples else default or ""
    extra = field.json_schema_extra
    recommended = toml(extra["recommended"]) if isinstance(extra, dict) and "recommended" in extra else ""
    text = " ".join((field.description or "").split())
    return Option(name, kind, default, text, secret, example, recommended)


def _kind(field: FieldInfo) -> str:
    if any(meta in DURATION_META for meta in field.metadata):
        return "duration"
    return kind_of(field.annotation)


def kind_of(annotation: Any) -> str:
    """Return what a type takes, in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in PLAIN:
        return PLAIN[annotation]
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin is list:
        return f"list of {kind_of(arguments[0])}"
    if origin is dict:
        return f"table of {kind_of(arguments[1])}"
    if origin in {Union, UnionType}:
        return _union([argument for argument in arguments if argument is not NoneType])
    return _union([annotation])


def _union(kinds: list[Any]) -> str:
    if set(kinds) & {IPv4Network, IPv6Network}:
        return "network"
    if len(kinds) == 1 and get_origin(kinds[0]) is not None and hasattr(kinds[0], "__metadata__"):
        is_duration = any(meta in DURATION_META for meta in kinds[0].__metadata__)
        return "duration" if is_duration else kind_of(kinds[0].__origin__)
    return " or ".join(kind_of(kind) for kind in kinds)


def toml(value: Any, kind: str = "") -> str:
    """Write a default as TOML; "" when there is none."""
    if value is None:
        return ""
    if kind == "duration":
        size, unit = next((size, unit) for unit, size in reversed(UNITS.items()) if value % size == 0)
        return f'"{value / size:g}{unit}"'
    if isinstance(value, Path):
        return json.dumps(str(value))
    return json.dumps(value)
