"""The packages that docs/modules.md and docs/writing-backends.md show, installed for a pytest of its own."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import ROOT, page


@dataclass(frozen=True)
class Package:
    """A package with a plugin and its test, as a page shows them."""

    name: str
    kind: str
    """"module" or "backend"."""
    plugin: str
    test: str
    setup: str

    def install(self, folder: Path, name: str = "", plugin: str = "") -> None:
        """Put it where an installation would put it, under another name or with another plugin if need be."""
        name = name or self.name
        (folder / f"{name}_{self.kind}.py").write_text(self._renamed(plugin or self.plugin, name))
        (folder / f"test_{name}.py").write_text(self._renamed(self.test, name))
        about = folder / f"{name}_{self.kind}-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-{self.kind}\nVersion: 1\n")
        group, _, entries = self.setup.partition("[options.entry_points]\n")[2].partition(" =\n")
        (about / "entry_points.txt").write_text(self._renamed(f"[{group}]\n{entries}", name))

    def _renamed(self, text: str, name: str) -> str:
        old = self.name
        names = rf'"{old}"|{self.kind}s\.{old}\b|\b{old}(?=_{self.kind}| = )'
        return re.sub(names, lambda m: m[0].replace(old, name), text)


def _package(name: str, kind: str, file: str, blocks: tuple[int, int]) -> Package:
    found = page(file)
    plugin, test = (found.blocks("python")[number] for number in blocks)
    (setup,) = found.blocks("ini")
    return Package(name, kind, plugin, test, setup)


NOTES = _package("notes", "module", "docs/modules.md", (0, 2))
MEMBERS = _package("members", "backend", "docs/writing-backends.md", (0, 1))


def run(folder: Path, *arguments: str) -> tuple[set[tuple[str, str]], str]:
    """Run the tests there; return those that failed, as file and function, and what pytest printed."""
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "--tb=line", "-p", "no:cacheprovider", *arguments]
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # others have none of our plugins, and they cost seconds
    environ = {**os.environ, **alone, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    failed = re.findall(r"^FAILED (\S+)::\w+::(\w+)", done.stdout, re.MULTILINE)
    return set(failed), done.stdout + done.stderr
