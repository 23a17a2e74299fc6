"""Starting without a file, from the environment variables of a program that a module stands in for.

Such a program is declared in the entry-point group `issuer.environments`: the name is the prefix of its
variables, the object an `Environment`. It is asked when there is no configuration file and `ISSUER__`
variables are no configuration by themselves. Where there is one, the program's variables are ignored, and the
log says what to use. Other `ISSUER__` variables are laid over what the program's amount to.
"""

import atexit
import os
import re
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

from issuer.settings.environment import PREFIX
from issuer.settings.problems import ConfigError, Problem, nearest
from issuer.wiring.configuration import Configuration
from issuer.wiring.configuration import load as load_file
from issuer.wiring.plugins import load as load_plugin

LINK = re.compile(r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$")
LINKED = re.compile(r"(tcp|udp|sctp)://")
GROUP = "issuer.environments"
DATA_DIR = "ISSUER_DATA_DIR"


@dataclass(frozen=True, slots=True)
class Start:
    """What the variables amount to."""

    data: dict[str, Any]
    """What a configuration file would say, but where data is kept."""
    notes: tuple[str, ...] = ()
    """What operators must hear at the start."""


class Environment(ABC):
    """The environment variables of another program."""

    options: ClassVar[Mapping[str, str]]
    """Every variable, and the option of a configuration file that says the same."""

    @abstractmethod
    def read(self, environ: Mapping[str, str]) -> Start:
        """Turn the variables into a configuration.

        Raises:
            ConfigError: a variable is missing, contradicts another, or cannot be.
        """

    def given(self, environ: Mapping[str, str]) -> list[str]:
        """Return the variables that are set; an empty one is not, nor one that Kubernetes made."""
        return [name for name in self.options if environ.get(name) and not _is_link(name, environ[name])]


def load(file: Path | None, environ: Mapping[str, str]) -> Configuration:
    """Return the configuration: of a file, else of another program's variables, else of `ISSUER__` variables.

    Raises:
        ConfigError: with everything that is wrong; for another program's, by the names of its variables.
    """
    known = _programs(environ)
    programs = [program for program in known.values() if program.given(environ)]
    if file is None and programs and "ISSUER__PUBLIC_URL" not in environ:
        found = _start(programs[0], environ)
        return replace(found, warnings=(*found.warnings, *_unread(programs[0], known, environ)))
    found = load_file(file, environ)
    notes = [
        f"{name} is ignored, because there is a configuration: use {program.options[name]} there"
        for program in programs
        for name in program.given(environ)
    ]
    return replace(found, warnings=(*found.warnings, *notes))


def _start(program: Environment, environ: Mapping[str, str]) -> Configuration:
    start = program.read(environ)
    folder, notes = _data_dir(environ)
    given = [program.options[name] for name in program.given(environ)]
    over = {PREFIX + option.upper().replace(".", "__") for option in given}
    ours = {name: value for name, value in environ.items() if name not in over}
    base = {**start.data, "data_dir": str(folder), "keys": {"directory": str(folder / "keys")}}
    try:
        found = load_file(None, ours, base)
    except ConfigError as error:
        names = {program.options[name]: name for name in program.given(environ)}
        raise ConfigError(_renamed(problem, names) for problem in error.problems) from None
    return replace(found, warnings=(*found.warnings, *start.notes, *notes))


def _programs(environ: Mapping[str, str]) -> dict[str, Environment]:
    """Return the programs some of whose variables may be there, by the prefixes of these."""
    return {
        entry.name: load_plugin(GROUP, entry.name, Environment)()
        for entry in entry_points(group=GROUP)
        if any(name.startswith(entry.name) for name in environ)
    }


def _unread(
    started: Environment, known: Mapping[str, Environment], environ: Mapping[str, str]
) -> Iterable[str]:
    """Return a warning for every variable that looks as if it were read, and is not."""
    for prefix, program in known.items():
        for name in sorted(environ):
            if not name.startswith(prefix) or not environ[name] or _is_link(name, environ[name]):
                continue
            if name not in program.options:
                yield f"{name} is not known, and does nothing: {nearest(name, program.options)}"
            elif program is not started and name not in started.options:
                yield f"{name} does nothing: other variables say that another service is to be started"


def _is_link(name: str, value: str) -> bool:
    """Tell whether Kubernetes made a variable, for a service with such a name in the same namespace."""
    return bool(LINK.search(name)) or (name.endswith("_PORT") and bool(LINKED.match(value)))


def _data_dir(environ: Mapping[str, str]) -> tuple[Path, list[str]]:
    if environ.get(DATA_DIR):
        return Path(environ[DATA_DIR]).absolute(), []
    folder, process = Path(tempfile.mkdtemp(prefix="issuer-")), os.getpid()

    def remove() -> None:
        if os.getpid() == process:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder, [f"data is kept in {folder} and lost at the end: set {DATA_DIR} to a folder that stays"]


def _renamed(problem: Problem, names: Mapping[str, str]) -> Problem:
    for option, variable in names.items():
        if problem.path == option or problem.path.startswith(f"{option}."):
            return Problem(variable, problem.text)
    return problem
