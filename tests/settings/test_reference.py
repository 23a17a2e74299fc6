"""What is made from the declarations is up to date: the option reference, samples in docstrings."""

import ast
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from issuer.settings.base import Context
from issuer.settings.describe import sections
from issuer.settings.models import Settings
from issuer.wiring.configuration import parse
from tests.settings.reading import SECRET
from tools.reference import PAGE, text

ROOT = Path(__file__).parents[2]
HEADING = "Configuration sample:\n"


def samples() -> dict[str, str]:
    found = {}
    for path in sorted(path for room in ("issuer", "modules") for path in (ROOT / room).rglob("*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if HEADING in docstring:
            lines = docstring.partition(HEADING)[2].splitlines()
            sample = "\n".join(line for line in lines if line.startswith("    ") or not line)
            found[str(path.relative_to(ROOT))] = textwrap.dedent(sample)
    return found


SAMPLES = samples()


def secret_files(table: dict[str, Any]) -> list[str]:
    inner = [file for value in table.values() if isinstance(value, dict) for file in secret_files(value)]
    return inner + [value for name, value in table.items() if name.endswith("_file")]


def test_the_option_reference_is_up_to_date() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == text(), "run `make docs`"


def test_every_option_of_the_core_says_what_it_is_for() -> None:
    for section in sections(Settings):
        assert section.text
        for option in section.options:
            assert option.text.endswith((".", ".)")), f"{section.path}.{option.name}"


def test_the_rooms_show_samples() -> None:
    rooms = {"issuer/portal/__init__.py", "issuer/backends/local.py", "modules/jitsi/__init__.py"}
    assert rooms <= set(SAMPLES)


@pytest.mark.parametrize("file", SAMPLES)
def test_the_sample_in_a_docstring_is_valid(tmp_path: Path, file: str) -> None:
    data = tomllib.loads(SAMPLES[file])
    assert data
    for name in secret_files(data):
        (tmp_path / name).write_text(SECRET)
    assert parse({"public_url": "https://auth.example.com/", **data}, Context({}, tmp_path))
