"""The package that docs/modules.md shows, installed for a pytest of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, page

PAGE = page("docs/modules.md")
MODULE, VERIFICATION, TEST = PAGE.blocks("python")[:3]
(SETUP,) = PAGE.blocks("ini")


def install(folder: Path, name: str = "notes", module: str = MODULE, test: str = TEST) -> None:
    """Put the package and its test where an installation would put it, under another name if need be."""
    (folder / f"{name}_module.py").write_text(renamed(module, name))
    (folder / f"test_{name}.py").write_text(renamed(test, name))
    about = folder / f"{name}_module-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-module\nVersion: 1\n")
    group, _, entries = SETUP.partition("[options.entry_points]\n")[2].partition(" =\n")
    (about / "entry_points.txt").write_text(renamed(f"[{group}]\n{entries}", name))


def renamed(text: str, name: str) -> str:
    return re.sub(
        r'"notes"|modules\.notes\b|\bnotes(?=_module| = )', lambda m: m[0].replace("notes", name), text
    )


def run(folder: Path, *arguments: str) -> tuple[set[tuple[str, str]], str]:
    """Run the tests there; return those that failed, as file and function, and what pytest printed."""
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "--tb=line", "-p", "no:cacheprovider", *arguments]
    environ = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    failed = re.findall(r"^FAILED (\S+)::\w+::(\w+)", done.stdout, re.MULTILINE)
    return set(failed), done.stdout + done.stderr
