"""Reads the configuration: the file, the environment over it, the plugins' sections; all errors at once."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from issuer.backend import Backend, BackendSettings
from issuer.module import Module, ModuleSettings
from issuer.settings.base import Context
from issuer.settings.environment import Overlay
from issuer.settings.models import Settings
from issuer.settings.problems import ConfigError, Problem, problems_of
from issuer.wiring.plugins import BACKENDS, MODULES, PluginError
from issuer.wiring.plugins import load as load_plugin

DEFAULT_FILE = Path("issuer.toml")
INSTANCE_NAME = re.compile(r"(?=.{1,32}$)[a-z][a-z0-9]*([_-][a-z0-9]+)*")

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
    warnings: tuple[str, ...] = ()
    """What works, and should not stay so."""


def find_file(option: str | None, environ: Mapping[str, str]) -> Path | None:
    """Return the configuration file: `--config`, then `ISSUER_CONFIG`, then `./issuer.toml`, else None."""
    named = option or environ.get("ISSUER_CONFIG")
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def load(
    path: Path | None, environ: Mapping[str, str] = os.environ, base: Mapping[str, Any] | None = None
) -> Configuration:
    """Read and validate the configuration; `base` stands in for the file where there is none.

    Raises:
        ConfigError: with everything that is wrong.
    """
    data = _read(path) if path else dict(base or {})
    overlay = Overlay(data, environ)
    if not data:
        raise ConfigError(
            [Problem("", "there is no configuration: run `issuer init`, or name a file with --config")]
        )
    context = Context(environ, (path or DEFAULT_FILE).absolute().parent)
    try:
        found = parse(data, context)
    except ConfigError as error:
        raise ConfigError(map(overlay.named, error.problems)) from None
    if path and context.plain_secret:
        context.warn_of_readers(path)
    if found.settings.server.tls_key:
        context.warn_of_readers(found.settings.server.tls_key)
    return replace(found, warnings=tuple(context.warnings))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(str(path), "is not UTF-8 text")]) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError([Problem(str(path), f"is not valid TOML: {error}")]) from None


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
            type_name = section.get("type", name)
            try:
                plugin = load_plugin(group, str(type_name)[:80], kind)
                found.append(_instance(plugin, name, {"type": type_name, **section}, context))
            except PluginError as error:
                problems.append(Problem(f"{path}.type" if "type" in section else path, str(error)))
            except ValidationError as error:
                problems += problems_of(error, plugin.Settings, path)
    return found


def _instance(plugin: type[P], name: str, section: dict[str, Any], context: Context) -> Instance[P]:
    model: type[ModuleSettings | BackendSettings] = plugin.Settings
    if issubclass(model, ModuleSettings):
        section.setdefault("path", "/" + name)
    return Instance(name, plugin, model.model_validate(section, context=context))


def _clashes(modules: list[Instance[Module]]) -> list[Problem]:
    taken: dict[str, str] = {}
    problems = []
    for instance in modules:
        path = instance.settings.path
        if instance.settings.enabled and taken.setdefault(path, instance.name) != instance.name:
            text = f'"{path}" is already the path of modules.{taken[path]}: choose another'
            problems.append(Problem(f"modules.{instance.name}.path", text))
    return problems


def option_text(configuration: Configuration, path: str) -> str | None:
    """Return the text of an option, None when there is no such option or its value is no text."""
    plugins: dict[str, dict[str, Any]] = {
        "modules": {instance.name: instance.settings for instance in configuration.modules},
        "backends": {instance.name: instance.settings for instance in configuration.backends},
    }
    section, *names = path.split(".")
    if section in plugins:
        return _text(plugins[section], names)
    return _text(configuration.settings, [section, *names])


def _text(value: Any, names: list[str]) -> str | None:
    for name in names:
        value = _inside(value, name)
    return value if isinstance(value, str) else None


def _inside(value: Any, name: str) -> Any:
    if isinstance(value, BaseModel):
        return getattr(value, name, None) if name in type(value).model_fields else None
    if isinstance(value, list):
        return value[int(name)] if name.isdecimal() and int(name) < len(value) else None
    return value.get(name) if isinstance(value, dict) else None
