"""The wheel as strangers get it, and virtual environments that hold it and nothing of the checkout."""

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LONGEST = 300.0
"""Seconds that a command may take."""

OFFLINE = ("--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
"""Options of pip: what is needed is there already, and no index is asked."""


def run(*command: str | Path, cwd: Path, given: str = "") -> str:
    """Run a command without our environment variables, give it a text, and return what it printed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ISSUER", "PYTHON"))}
    done = subprocess.run(
        command,
        check=False,
        cwd=cwd,
        env=environ,
        input=given,
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True)
class Environment:
    """A virtual environment without pip; the one of the tests serves it."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin/python"

    @property
    def packages(self) -> Path:
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found

    def pip(self, *arguments: str | Path, cwd: Path) -> str:
        """Run pip on it."""
        return run(sys.executable, "-m", "pip", "--python", self.python, *arguments, cwd=cwd)

    def has(self, *modules: str) -> bool:
        """Tell whether modules are imported from here, and not from the checkout."""
        code = f"import {', '.join(modules)}; print(*({', '.join(f'{name}.__file__' for name in modules)},))"
        files = run(self.python, "-c", code, cwd=self.folder).split()
        return all(Path(file).is_relative_to(self.packages) for file in files)

    def command(self, line: str, cwd: Path) -> str:
        """Run a command line as a page shows it, for a shell in which this environment is active."""
        program, *arguments = shlex.split(line)
        if program == "pip":
            return self.pip(*arguments, *OFFLINE, cwd=cwd)
        if program == "pytest":
            return run(self.python, "-m", program, *arguments, cwd=cwd)
        return run(self.folder / "bin" / program, *arguments, cwd=cwd)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory, programs: None) -> Path:
    """Our wheel, built once in a run of the tests, however many processes it has."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / "wheel.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not [*shared.glob("wheel/*.whl")]:
            build(shared / "wheel")
    (found,) = shared.glob("wheel/*.whl")
    return found


def build(folder: Path) -> None:
    """Build the wheel from a copy of the checkout: a build leaves files behind."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if os.path.lexists(ROOT / name):
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "source" / name, follow_symlinks=False)
    run(sys.executable, "-m", "pip", "wheel", *OFFLINE, "-w", folder, folder / "source", cwd=folder)


def install(wheel: Path, folder: Path, *extras: str) -> Environment:
    """Make an environment with the wheel, what it depends on, and setuptools."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    environment = Environment(folder)
    environment.pip("install", *OFFLINE, wheel, cwd=folder)
    (ours,) = distributions(path=[str(environment.packages)])
    for needed in {found.name: found for found in dependencies(ours, {"", *extras})}.values():
        _link(needed, environment.packages)
    _link(distribution("setuptools"), environment.packages)
    return environment


def dependencies(of: Distribution, extras: set[str]) -> Iterator[Distribution]:
    """Yield what a distribution requires, and what that requires, as this environment has it."""
    waiting, seen = [(of, extras)], set[str]()
    while waiting:
        dependent, wanted = waiting.pop()
        for text in dependent.requires or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if text not in seen and (not marker or any(marker.evaluate({"extra": name}) for name in wanted)):
                seen.add(text)
                found = distribution(requirement.name)
                yield found
                waiting.append((found, {"", *requirement.extras}))


def _link(needed: Distribution, packages: Path) -> None:
    """Link it: it is the same as another installation of the same version, and costs nothing."""
    for name in {file.parts[0] for file in needed.files or ()} - {"..", "__pycache__"}:
        if not name.endswith(".pth") and not (packages / name).exists():
            (packages / name).symlink_to(Path(str(needed.locate_file(name))))
