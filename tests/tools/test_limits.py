"""The limits of the source: that it keeps them, and that each is found out when it does not."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tools import limits


def trees(**files: str) -> limits.Trees:
    return {Path(f"issuer/{name}.py"): ast.parse(text) for name, text in files.items()}


@pytest.mark.server
def test_the_source_keeps_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """No public class name stands for two things; no import upwards, not even under TYPE_CHECKING; the linter
    knows all floors.
    """
    monkeypatch.chdir(ROOT)
    assert limits.main() == 0
    # In a process of its own: it turns the loggers of this one off.
    lint = [Path(sys.executable).with_name("lint-imports")]
    assert subprocess.run(lint, capture_output=True, check=False).returncode == 0
    options = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["importlinter"]
    assert not options.get("exclude_type_checking_imports")
    (floors,) = (one for one in options["contracts"] if one.get("containers") == ["issuer"])
    assert floors["exhaustive"]
    assert not floors.keys() & {"ignore_imports", "exhaustive_ignores"}


def test_a_name_of_two_classes_is_found() -> None:
    found = list(limits.ambiguous_classes(trees(one="class Thing: ...", other="class Thing: ...")))
    assert found == ["Thing is the name of several classes: issuer/one.py:1, issuer/other.py:1"]
    assert not [*limits.ambiguous_classes(trees(one="class _Thing: ...", other="class _Thing: ..."))]


def test_what_is_too_long_or_too_busy_is_found(tmp_path: Path) -> None:
    long = "def f():\n" + "    pass\n" * 50
    assert len(list(limits.long_functions(trees(one=long, other="def g():\n    pass\n" * 2)))) == 1
    imports = "\n".join(f"from issuer.part{number} import x" for number in range(16))
    assert list(limits.busy_files(trees(one=imports))) == [
        "issuer/one.py: imports from 16 files of ours (at most 15)"
    ]
    assert not list(limits.busy_files({Path("issuer/wiring/one.py"): ast.parse(imports)}))
    assert len(list(limits.full_folders(Path(f"issuer/room/{number}.py") for number in range(14)))) == 1
    file = tmp_path / "long.py"
    file.write_text("x = 1\n" * 401)
    assert len(list(limits.long_files([file]))) == 1
