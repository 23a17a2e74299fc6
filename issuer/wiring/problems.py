"""Gathers what is wrong with the parts of an application, so that operators hear it all at once."""

from collections.abc import Iterable, Mapping

from issuer.backend import AmbientBackend, Backend
from issuer.keys import KeyRingError
from issuer.module import ConfigurationError
from issuer.rules import RuleError
from issuer.settings.problems import Problem


class CollectedProblems:
    """Turns what an instance complains about into problems, so that all come at once."""

    def __init__(self, path: str, problems: list[Problem]) -> None:
        self._path = path
        self._problems = problems

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        errors = error.exceptions if isinstance(error, ExceptionGroup) else [error]
        if not all(isinstance(one, RuleError | ConfigurationError | KeyRingError) for one in errors):
            return False
        self._problems += [self._problem(one) for one in errors]
        return True

    def _problem(self, error: BaseException | None) -> Problem:
        option = error.option if isinstance(error, ConfigurationError) else ""
        path = "" if isinstance(error, RuleError) else ".".join(filter(None, [self._path, option]))
        return Problem(path, str(error))


def ambient_conflicts(backends: Mapping[str, Backend]) -> Iterable[Problem]:
    """Return the backends that are never used beside others by accident, and are."""
    for name, backend in backends.items():
        if isinstance(backend, AmbientBackend) and len(backends) > 1 and not backend.settings.beside_others:
            others = ", ".join(other for other in backends if other != name)
            text = f"is used alone, unless `beside_others = true`: the others are {others}"
            yield Problem(f"backends.{name}", text)
