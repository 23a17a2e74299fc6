"""Find the Python versions that `setup.cfg` names: on PATH, of pyenv, of uv.

What is missing is asked of uv, which downloads it. Where that fails, the tests say what they miss.
"""

import configparser
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")
CLASSIFIER = "Programming Language :: Python :: "
WHICH = "import sys; print('%d.%d' % sys.version_info[:2])"


def versions() -> list[str]:
    """Return the versions of the classifiers, such as `3.11`."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    lines = parser["metadata"]["classifiers"].split("\n")
    return [line.removeprefix(CLASSIFIER) for line in lines if line.startswith(CLASSIFIER)]


def find(version: str) -> Path | None:
    """Return an interpreter of a version, or None."""
    return next((path for path in _candidates(version) if _speaks(path, version)), None)


def _candidates(version: str) -> Iterator[Path]:
    yield Path(sys.executable)
    name = f"python{version}"
    if on_path := shutil.which(name):
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser()
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/{name}"))
    managed = subprocess.run([UV, "python", "dir"], check=True, capture_output=True, text=True).stdout
    yield from sorted(Path(managed.strip()).glob(f"cpython-{version}.*/bin/{name}"))


def _speaks(path: Path, version: str) -> bool:
    """Say whether it runs at all: pyenv has a name on PATH for every version, also for those that are off."""
    done = subprocess.run([path, "-c", WHICH], check=False, capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.strip() == version


def main() -> None:
    """Fetch what is missing."""
    if missing := [version for version in versions() if not find(version)]:
        print(f"Python {', '.join(missing)} is missing: uv fetches it")
        subprocess.run([UV, "python", "install", "--no-bin", *missing], check=False)


if __name__ == "__main__":
    main()
