"""A check: what `issuer check` and `/readyz` ask before they say that all is well."""

from collections.abc import Callable
from dataclasses import dataclass


class CheckError(Exception):
    """What is wrong, and what to do: one line without secrets."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold; `run` raises an exception that says what is wrong and what to do."""

    name: str
    run: Callable[[], object]
    offline: bool = True
    """True when it dials nobody, so that `issuer check` can run it too."""
