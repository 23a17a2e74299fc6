"""Configuration errors for people: each with its path, the value (never a secret) and what to do."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from issuer.settings.base import SOURCES, is_secret


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
    if detail["type"] == "secret_source":
        location.append(context["field"])
    path = ".".join(filter(None, [prefix, *location]))
    section = _section_at(model, detail["loc"][:-1])
    if detail["type"] == "extra_forbidden" and section:
        return Problem(path, f"unknown option; {nearest(location[-1], option_names(section))}")
    if detail["type"] == "missing":
        return Problem(path, "is required")
    text = str(context["error"]) if detail["type"] == "value_error" else detail["msg"]
    return Problem(path, text + _shown(detail, section))


def _section_at(model: type[BaseModel], location: Iterable[Any]) -> type[BaseModel] | None:
    section: type[BaseModel] | None = model
    for part in location:
        field = section.model_fields.get(str(part)) if section else None
        section = _model_in(field.annotation) if field else section if isinstance(part, int) else None
    return section


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for kind in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _shown(detail: dict[str, Any], section: type[BaseModel] | None) -> str:
    value, name = detail.get("input"), str(detail["loc"][-1]) if detail["loc"] else ""
    field = section.model_fields.get(name) if section else None
    if field is None or is_secret(field.annotation) or not isinstance(value, str | int | float | bool):
        return ""
    return "" if "@" in str(value) else f" (given: {value!r:.80})"
