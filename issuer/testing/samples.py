"""The configuration samples in the docstrings of modules."""

import hashlib
import re
import textwrap
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from issuer.wiring.plugins import MODULES

SAMPLE = re.compile(r"^Configuration sample:\n\n((?:    .*\n|\n)+)", re.MULTILINE)


def sample(type_name: str, folder: Path) -> dict[str, Any]:
    """Return the configuration sample of a module's docstring; the secret files that it names are made.

    Raises:
        ValueError: there is no sample.
    """
    (entry,) = entry_points(group=MODULES, name=type_name)
    found = SAMPLE.search((import_module(entry.module).__doc__ or "") + "\n")
    if not found:
        raise ValueError(f'the docstring of {entry.module} has no "Configuration sample:"')
    data = tomllib.loads(textwrap.dedent(found[1]))
    for number, (section, option) in enumerate(_secret_files(data)):
        path = folder / f"secret-{number}"
        path.write_text(hashlib.sha512(option.encode()).hexdigest())
        path.chmod(0o600)
        section[option] = str(path)
    return data


def _secret_files(section: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for name, value in section.items():
        if isinstance(value, dict):
            yield from _secret_files(value)
        elif name.endswith("_file"):
            yield section, name
