"""The packages that docs/modules.md and docs/writing-backends.md show."""

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import ROOT, Page, page
from tests.wheel import Environment

FILE = re.compile(r"`([\w/-]+\.\w+)`:\n\n```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)
BRANCH = re.compile(r"^(\W*)── ([\w./-]+)$", re.MULTILINE)
INDENT = len("│   ")
STRICT = "-W error --import-mode=importlib"
"""Options of pytest: warnings are errors, and what is tested is what was installed."""


def paths(tree: str) -> list[str]:
    """Return the files of a folder that a page draws, without the folder itself."""
    found: list[str] = []
    folders: list[str] = []
    for line, name in BRANCH.findall(tree):
        folders = folders[: len(line) // INDENT]
        if name.endswith("/"):
            folders.append(name)
        else:
            found.append("".join([*folders, name]))
    return found


@dataclass(frozen=True)
class Package:
    """A package with a plugin and its test, as a page shows them."""

    name: str
    kind: str
    """"module" or "backend"."""
    page: Page

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.kind}"

    @property
    def files(self) -> dict[str, str]:
        """Every file of the page, by the name that stands before it."""
        return dict(FILE.findall(self.page.text))

    @property
    def plugin(self) -> str:
        return self.files[f"{self.name}_{self.kind}.py"]

    @property
    def test(self) -> str:
        return self.files[f"test_{self.name}.py"]

    def write(self, folder: Path, drawing: int = 0, **changed: str) -> None:
        """Write the files of one of the folders that the page draws; `changed` are texts by path."""
        for path in paths(self.page.blocks("")[drawing]):
            target = folder / self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text((self.files | changed)[path])

    def imitate(self, folder: Path, name: str, plugin: str) -> None:
        """Put it where an installation would put it, under another name and with another plugin.

        Many of them are installed so in no time.
        """
        (folder / f"{name}_{self.kind}.py").write_text(self._renamed(plugin, name))
        (folder / f"test_{name}.py").write_text(self._renamed(self.test, name))
        about = folder / f"{name}_{self.kind}-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-{self.kind}\nVersion: 1\n")
        groups = tomllib.loads(self.files["pyproject.toml"])["project"]["entry-points"]
        lines = [f"[{group}]\n{self.name} = {entry[self.name]}\n" for group, entry in groups.items()]
        (about / "entry_points.txt").write_text(self._renamed("".join(lines), name))

    def _renamed(self, text: str, name: str) -> str:
        old = self.name
        names = rf'"{old}"|{self.kind}s\.{old}\b|\b{old}(?=_{self.kind}| = )'
        return re.sub(names, lambda m: m[0].replace(old, name), text)


NOTES = Package("notes", "module", page("docs/modules.md"))
MEMBERS = Package("members", "backend", page("docs/writing-backends.md"))


def follow(package: Package, environment: Environment, folder: Path) -> tuple[str, str]:
    """Do what a page says, in the folder that has its package.

    Returns:
        What `issuer check` and what pytest printed.
    """
    preparation, installation, check, test = (block.splitlines() for block in package.page.blocks("sh"))
    for line in (preparation[-1], *installation):
        environment.command(line, cwd=folder)
    with (folder / "issuer.toml").open("a") as configuration:
        configuration.write(package.page.blocks("toml")[1])
    (checked,) = (environment.command(line, cwd=folder) for line in check)
    (tested,) = (environment.command(f"{line} {STRICT}", cwd=folder) for line in test)
    return checked, tested


def run(folder: Path, *arguments: str) -> tuple[set[tuple[str, str]], str]:
    """Run the tests there; return those that failed, as file and function, and what pytest printed."""
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "--tb=line", "-p", "no:cacheprovider", *arguments]
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # others have none of our plugins, and they cost seconds
    environ = {**os.environ, **alone, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    failed = re.findall(r"^FAILED (\S+)::\w+::(\w+)", done.stdout, re.MULTILINE)
    return set(failed), done.stdout + done.stderr
