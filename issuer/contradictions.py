"""Gathers what is wrong with the parts of an application, so that operators hear it all at once."""

from issuer.keys import KeyRingError
from issuer.module import ConfigurationError
from issuer.rules import RuleError
from issuer.settings.problems import Problem


class Collected:
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
