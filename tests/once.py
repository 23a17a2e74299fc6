"""What is the same in every test is worked out once, or more cheaply: most of the time went there.

Whoever looks at the cost itself asks for `full_cost`.
"""

import functools
import os
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache

from issuer.crypto import passwords
from issuer.keys import admin, loader
from issuer.web import sites
from issuer.wiring import plugins

CHEAP_KIB = 8
"""The least that Argon2 takes (RFC 9106 §3.1)."""
FULL_KIB = passwords.MEMORY_KIB

PURE = [(admin, "parse_pem"), (loader, "parse_pem"), (sites, "_site")]
"""Each takes 3 to 60 ms, and is asked the same again and again."""


class Templates(BytecodeCache):
    """Compiled templates, for all applications of this process."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if compiled := self._compiled.get(bucket.key + bucket.checksum):
            bucket.bytecode_from_string(compiled)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key + bucket.checksum] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def once() -> Iterator[None]:
    """Keep what only depends on its arguments; hash passwords with little memory, and wait for no disk."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in PURE:
            patch.setattr(module, name, functools.cache(getattr(module, name)))
        patch.setattr(plugins, "entry_points", lambda **wanted: _entry_points(tuple(sys.path), **wanted))
        patch.setattr(os, "fsync", lambda _: None)  # nobody pulls the plug here
        patch.setattr(passwords, "MEMORY_KIB", CHEAP_KIB)
        patch.setitem(Flask.jinja_options, "bytecode_cache", Templates())
        yield


@functools.cache
def _entry_points(_: tuple[str, ...], **wanted: str) -> Any:
    """Return what is declared; another path has other packages."""
    return entry_points(**wanted)


@pytest.fixture
def full_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords as the product does."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", FULL_KIB)
