"""Finds an option of a configuration by its path, as in "modules.jitsi.rule"."""

from typing import Any

from pydantic import BaseModel

from issuer.settings.load import Configuration


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
