"""Configuration errors for people: each with its path, the value (never a secret) and what to do."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from issuer.settings.base import SOURCES, SecretFault, Section, is_secret, mentions

LONGEST_SHOWN = 80
"""A longer text is not repeated: it may be a table in JSON, with a secret in it."""

PLAIN_TEXTS = {
    "dict_type": "must be a table, as in [section] (in a variable: JSON)",
    "model_type": "must be a table, as in [section] (in a variable: JSON)",
    "list_type": 'must be a list, as in ["one", "two"] (in a variable: JSON)',
    "string_type": "must be text in quotation marks",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
}
"""What pydantic's types of errors mean in a configuration file."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in the configuration."""

    path: str
    text: str

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.path}: {self.text}" if self.path else self.text


class ConfigError(Exception):
    """The configuration cannot be used; `problems` has everything that is wrong with it, at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems, in the order of their paths."""
        self.problems = sorted(set(problems), key=lambda problem: problem.path)
        super().__init__("\n".join(map(str, self.problems)))


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a sentence that offers the nearest right name, or lists the right ones."""
    names = sorted(names)
    close = difflib.get_close_matches(name, names, 1, 0.6)
    return f'did you mean "{close[0]}"?' if close else f"known here: {', '.join(names)}"


def option_names(model: type[BaseModel]) -> list[str]:
    """Return the names of a section's options, the forms that secrets are read from included."""
    names = list(model.model_fields)
    for name, field in model.model_fields.items():
        if is_secret(field.annotation):
            names += [name + source for source in SOURCES]
    return names


def problems_of(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[Problem]:
    """Turn pydantic's errors into ours."""
    return [_problem(dict(detail), model, prefix) for detail in error.errors(include_url=False)]


def _problem(detail: dict[str, Any], model: type[BaseModel], prefix: str) -> Problem:
    location = [str(part) for part in detail["loc"] if not str(part).startswith("function-")]
    context = detail.get("ctx", {})
    fault = detail.get("input")
    if isinstance(fault, SecretFault):
        return Problem(".".join(filter(None, [prefix, *location[:-1], fault.option])), fault.text)
    path = ".".join(filter(None, [prefix, *location]))
    section = _section_at(model, detail["loc"][:-1])
    if detail["type"] == "extra_forbidden" and section:
        return Problem(path, f"unknown option; {nearest(location[-1], option_names(section))}")
    if detail["type"] == "missing":
        return Problem(path, "is required")
    text = str(context["error"]) if detail["type"] == "value_error" else detail["msg"]
    text = PLAIN_TEXTS.get(detail["type"], text)
    return Problem(path, text + _shown(detail, model))


def _section_at(model: type[BaseModel], location: Iterable[Any]) -> type[BaseModel] | None:
    section: type[BaseModel] | None = model
    is_key = False  # of a table of sections
    for part in location:
        field = section.model_fields.get(str(part)) if section and not is_key else None
        if field:
            section = _model_in(field.annotation)
        elif not is_key and not isinstance(part, int):
            section = None
        is_key = field is not None and get_origin(field.annotation) is dict
    return section


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for kind in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _shown(detail: dict[str, Any], model: type[BaseModel]) -> str:
    names = [part for part in detail["loc"] if isinstance(part, str)]
    holder = _section_at(model, names[:-1])
    field = holder.model_fields.get(names[-1]) if holder and names else None
    if field is None or mentions(field.annotation, SecretStr, dict, Section):
        return ""
    value = detail.get("input")
    shown = repr(value) if isinstance(value, str | int | float | bool) else ""
    return f" (given: {shown})" if shown and "@" not in shown and len(shown) <= LONGEST_SHOWN else ""
