"""Options from the environment: `ISSUER__SECTION__OPTION`, which beats the file.

Lists and tables are written as JSON. Every problem names the variable that it comes from.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from issuer.settings.base import FromEnvironment
from issuer.settings.problems import ConfigError, Problem

PREFIX = "ISSUER__"
PLUGINS = {"modules", "backends"}

Path = tuple[str, ...]


class Overlay:
    """Lays the variables of an environment over the content of a file."""

    def __init__(self, data: dict[str, Any], environ: Mapping[str, str]) -> None:
        """Change `data`.

        Raises:
            ConfigError: variables contradict each other or the file.
        """
        self._origins: dict[Path, str] = {}
        self._problems: list[Problem] = []
        paths = dict(self._paths(environ))
        for path, name in paths.items():
            whole = next((paths[path[:n]] for n in range(1, len(path)) if path[:n] in paths), None)
            if whole:
                self._problems.append(Problem(name, f"contradicts {whole}, which sets the whole section"))
            else:
                self._set(data, path, name, FromEnvironment(environ[name]))
        if self._problems:
            raise ConfigError(self._problems)

    def _paths(self, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
        seen: dict[Path, str] = {}
        for name in sorted(name for name in environ if name.startswith(PREFIX)):
            path = tuple(name[len(PREFIX) :].lower().split("__"))
            if path in seen:
                self._problems.append(Problem(name, f"is the same as {seen[path]}: keep one"))
            seen.setdefault(path, name)
        yield from seen.items()

    def _set(self, data: dict[str, Any], path: Path, name: str, value: FromEnvironment) -> None:
        node = data
        for depth, section in enumerate(path[:-1], 1):
            if section not in node:
                node[section] = {}
                self._origins[path[:depth]] = name
            node = node[section]
            if not isinstance(node, dict):
                text = f"contradicts the file, where {'.'.join(path[:depth])} is no table"
                self._problems.append(Problem(name, text))
                return
        plugin = path[0] in PLUGINS and len(path) <= 2
        node[path[-1]] = value.decoded() if plugin else value
        self._origins[path] = name

    def named(self, problem: Problem) -> Problem:
        """Return a problem with the variable that its option comes from, if it is one."""
        path = tuple(problem.path.split("."))
        found = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in self._origins), None)
        if found is None or (len(found) < len(path) and self._is_node(found)):
            return problem
        return Problem(f"{self._origins[found]} ({problem.path})", problem.text)

    def _is_node(self, path: Path) -> bool:
        """Tell whether other variables are below this one."""
        return any(len(other) > len(path) and other[: len(path)] == path for other in self._origins)
