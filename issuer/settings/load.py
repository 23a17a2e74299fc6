"""Reads the configuration: the file, the environment over it, the plugins' sections; all errors at once."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from issuer.backend import Backend, BackendSettings
from issuer.module import Module, ModuleSettings
from issuer.plugins import BACKENDS, MODULES, PluginError
from issuer.plugins import load as load_plugin
from issuer.settings.base import SOURCES, Context
from issuer.settings.models import Settings
from issuer.settings.problems import ConfigError, Problem, problems_of

PREFIX = "ISSUER__"
DEFAULT_FILE = Path("issuer.toml")
INSTANCE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")

P = TypeVar("P", Module, Backend)


@dataclass(frozen=True, slots=True)
class Instance(Generic[P]):
    """A configured plugin: its name in the file, its class, its settings."""

    name: str
    plugin: type[P]
    settings: Any


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration that was read and validated."""

    settings: Settings
    modules: tuple[Instance[Module], ...]
    backends: tuple[Instance[Backend], ...]


def find_file(option: str | None, environ: Mapping[str, str]) -> Path | None:
    """Return the configuration file: `--config`, then `ISSUER_CONFIG`, then `./issuer.toml`, else None."""
    named = option or environ.get("ISSUER_CONFIG")
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Configuration:
    """Read and validate the configuration.

    Raises:
        ConfigError: with everything that is wrong.
    """
    data = _read(path) if path else {}
    over = _from_environment(environ)
    if path is None and not over:
        raise ConfigError(
            [Problem("", "there is no configuration: run `issuer init`, or name a file with --config")]
        )
    _overlay(data, over)
    return parse(data, Context(environ, (path or DEFAULT_FILE).absolute().parent))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(str(path), "is not UTF-8 text")]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Problem(str(path), f"is not valid TOML: {error}")]) from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name in sorted(n for n in environ if n.startswith(PREFIX)):
        *sections, option = name[len(PREFIX) :].lower().split("__")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
            if not isinstance(node, dict):
                raise ConfigError([Problem(name, "contradicts another variable that sets a whole section")])
        node[option] = _environment_value(environ[name])
    return tree


def _environment_value(text: str) -> Any:
    if text[:1] in {"[", "{"}:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _overlay(data: dict[str, Any], over: dict[str, Any]) -> None:
    for name, value in over.items():
        if isinstance(value, dict) and isinstance(data.get(name), dict):
            _overlay(data[name], value)
            continue
        bare = name.removesuffix("_env").removesuffix("_file")
        for other in (bare, *(bare + source for source in SOURCES)):
            data.pop(other, None)
        data[name] = value


def parse(data: dict[str, Any], context: Context) -> Configuration:
    """Validate a configuration that was read.

    Raises:
        ConfigError: with everything that is wrong.
    """
    problems: list[Problem] = []
    settings = _core(data, context, problems)
    sections = data.get("modules", {}), data.get("backends") or {"local": {}}
    modules = _plugins(MODULES, Module, sections[0], context, problems)
    backends = _plugins(BACKENDS, Backend, sections[1], context, problems)
    problems += _clashes(modules)
    if problems or settings is None:
        raise ConfigError(problems)
    return Configuration(settings, tuple(modules), tuple(backends))


def _core(data: dict[str, Any], context: Context, problems: list[Problem]) -> Settings | None:
    try:
        return Settings.model_validate(data, context=context)
    except ValidationError as error:
        problems += problems_of(error, Settings)
        return None


def _plugins(
    group: str, kind: type[P], sections: Any, context: Context, problems: list[Problem]
) -> list[Instance[P]]:
    found: list[Instance[P]] = []
    for name, section in sections.items() if isinstance(sections, dict) else ():
        path = f"{group.removeprefix('issuer.')}.{name}"
        if not INSTANCE_NAME.fullmatch(name):
            problems.append(Problem(path, "not a name: use lower-case letters, digits, - and _"))
        elif isinstance(section, dict):
            try:
                found.append(_instance(group, kind, name, section, context))
            except PluginError as error:
                problems.append(Problem(f"{path}.type" if "type" in section else path, str(error)))
            except ValidationError as error:
                model = load_plugin(group, str(section.get("type", name)), kind).Settings
                problems += problems_of(error, model, path)
    return found


def _instance(group: str, kind: type[P], name: str, section: dict[str, Any], context: Context) -> Instance[P]:
    type_name = str(section.get("type", name))
    plugin = load_plugin(group, type_name, kind)
    model: type[ModuleSettings | BackendSettings] = plugin.Settings
    data = {"type": type_name, **section}
    if issubclass(model, ModuleSettings):
        data.setdefault("path", "/" + name)
    return Instance(name, plugin, model.model_validate(data, context=context))


def _clashes(modules: list[Instance[Module]]) -> list[Problem]:
    taken: dict[str, str] = {}
    problems = []
    for instance in modules:
        path = instance.settings.path
        if instance.settings.enabled and taken.setdefault(path, instance.name) != instance.name:
            text = f'"{path}" is already the path of modules.{taken[path]}: choose another'
            problems.append(Problem(f"modules.{instance.name}.path", text))
    return problems
