"""Writes the commented sample file of `issuer init`."""

from collections.abc import Callable, Iterable, Mapping

from pydantic import BaseModel

from issuer.settings.describe import SEVERAL, Option, sections
from issuer.settings.models import Settings

HEAD = """\
# Configuration of the token issuer gateway. Options that are commented out show their defaults.
# Every option can also come from the environment, as ISSUER__SECTION__OPTION, which beats this file.
# `issuer check` says whether all is well.
"""


def sample(
    public_url: str,
    modules: Mapping[str, type[BaseModel]],
    enabled: Iterable[str],
    fresh_secret: Callable[[], str],
) -> str:
    """Return the file: the core's options, and a section for each module.

    The sections of `enabled` modules are active, with a fresh secret for each of their secret options without
    an example; those of the others are commented out.
    """
    given = {"public_url": f'"{public_url}"'}
    parts = [HEAD, _model(Settings, "", given, active=True, fresh_secret=None)]
    for name, model in sorted(modules.items()):
        active = name in set(enabled)
        parts.append(_model(model, f"modules.{name}", {"path": f'"/{name}"'}, active, fresh_secret))
    return "\n".join(parts)


def _model(
    model: type[BaseModel],
    path: str,
    given: dict[str, str],
    active: bool,
    fresh_secret: Callable[[], str] | None,
) -> str:
    lines: list[str] = []
    for section in sections(model, path):
        shown = active and not section.path.endswith(tuple(SEVERAL.values()))
        header = f"[{section.path.removesuffix('[]')}]"
        header = f"[{header}]" if section.path.endswith("[]") else header
        lines += ["", *(f"# {line}" for line in section.text.splitlines() if line.strip())]
        lines += [header if shown else f"# {header}"] if section.path else []
        for option in section.options:
            lines += _option(option, given, shown, fresh_secret)
    return "\n".join(lines) + "\n"


def _option(
    option: Option, given: dict[str, str], active: bool, fresh_secret: Callable[[], str] | None
) -> list[str]:
    comment = f"# {option.text}"
    value = given.get(option.name, option.example) or '""'
    if option.secret and active and fresh_secret and not option.example:
        return [comment, f'{option.name} = "{fresh_secret()}"']
    if option.recommended and active:
        return [comment, f"{option.name} = {option.recommended}"]
    required = option.default is None or (option.name in given and option.name != "path")
    prefix = "" if active and required else "# "
    return [comment, f"{prefix}{option.name} = {value}"]
