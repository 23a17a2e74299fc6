"""The files that say what is installed, as tests read them."""

import configparser
import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"([a-z0-9-]+)==([^\s;]+)(?: ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=(sha256:[0-9a-f]{64})(?: \\)?")


def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def requirements(section: str, option: str) -> list[Requirement]:
    """Return the requirements of an option of `setup.cfg`."""
    return [Requirement(line) for line in setup()[section][option].split("\n") if line]


def locked(name: str) -> dict[str, tuple[str, set[str]]]:
    """Return version and hashes of each package; a line that is neither pin, hash nor comment fails."""
    pins: dict[str, tuple[str, set[str]]] = {}
    hashes: set[str] = set()
    for line in (ROOT / name).read_text().splitlines():
        if pin := PIN.fullmatch(line):
            hashes = set()
            pins[pin[1]] = (pin[2], hashes)
        elif found := HASH.fullmatch(line):
            hashes.add(found[1])
        else:
            assert re.fullmatch(r" *#.*", line), line
    return pins


def unmet(wanted: list[Requirement], pins: dict[str, tuple[str, set[str]]]) -> list[str]:
    """Return the requirements that a lock does not meet."""
    missing = []
    for requirement in wanted:
        version = pins.get(canonicalize_name(requirement.name), (None, set()))[0]
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            missing.append(str(requirement))
    return missing
