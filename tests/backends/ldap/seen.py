"""The line of tests/acceptance.txt that several tests here show together."""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T", bound=Callable[..., Any])

LINE = """OpenLDAP from Debian as a fixture (own directory, 1,000 users, nested groups, StartTLS with our CA):
good, wrong, locked, expired, unknown, empty, 4 KB and NUL passwords; `*)(uid=*` and every character class as
user name; server killed and back during 500 sign-ins (clear error, then recovery, none wrongly let in); wrong
CA; slow server."""


def shows_the_line(test: T) -> T:
    """Give a test the line as its docstring."""
    test.__doc__ = LINE
    return test
