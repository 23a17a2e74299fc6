"""Writes the option reference, docs/options.md, from the declarations."""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from issuer.settings.describe import Option, SectionInfo, sections
from issuer.settings.models import Settings

HEAD = """\
# Options

Generated from the source by `make docs`; do not edit. All options of `issuer.toml`, section by section.

- Every option can also come from the environment, which beats the file: `ISSUER__SECTION__OPTION`, as in
  `ISSUER__SERVER__BIND=:8080`; lists and tables as JSON.
- A *secret* is given by exactly one of the option itself, the option with `_env` appended (the name of an
  environment variable) or with `_file` appended (a file, trimmed).
- A *duration* is a number of seconds, or a text such as `"90s"`, `"5m"`, `"12h"`, `"30d"`.
- A relative *path* starts from the folder of the configuration file.
- A *rule* or an *expression* is explained in [rules.md](rules.md).
"""


def reference(modules: Mapping[str, type[BaseModel]], backends: Mapping[str, type[BaseModel]]) -> str:
    """Return the page: the core's sections, then those of login backends and issuer modules."""
    lines = [HEAD, *_model(Settings, "")]
    for name, model in sorted(backends.items()):
        lines += _model(model, f"backends.{name}")
    for name, model in sorted(modules.items()):
        lines += (line.replace('`"/"`', f'`"/{name}"`') for line in _model(model, f"modules.{name}"))
    return "\n".join(lines).rstrip() + "\n"


def _model(model: type[BaseModel], path: str) -> Iterator[str]:
    for section in sections(model, path):
        yield from _section(section)


def _section(section: SectionInfo) -> Iterator[str]:
    name = section.path
    title = f"[[{name.removesuffix('[]')}]]" if name.endswith("[]") else f"[{name}]"
    yield f"## `{title}`" if name else "## Top level"
    yield f"\n{section.text}\n"
    if section.options:
        yield "| option | takes | default | |"
        yield "| --- | --- | --- | --- |"
        yield from (_row(option) for option in section.options)
        yield ""


def _row(option: Option) -> str:
    default = "*required*" if option.default is None else f"`{option.default}`" if option.default else ""
    kind, text = (part.replace("|", "\\|") for part in (option.kind, option.text))
    return f"| `{option.name}` | {kind} | {default} | {text} |"
