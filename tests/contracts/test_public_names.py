"""What strangers import and use stays where it is: public_names.txt, and the names of the two pages."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from issuer.testing import open_gateway, sample
from tests.docs.pages import Page, page

MODULES, BACKENDS = page("docs/modules.md"), page("docs/writing-backends.md")
LINES = (Path(__file__).parent / "public_names.txt").read_text().splitlines()
NAMES = [line for line in LINES if line and not line.startswith("#")]

NO_NAMES = {"issuer.modules", "issuer.backends", "issuer.toml"}
"""They look like names of Python: two groups of entry points, and a file."""
OWNERS = {
    MODULES.name: {"service": "module.gateway", "member": "module"},
    BACKENDS.name: {"service": "backend.services", "method": "backend"},
}
"""Whose members the first column of a table has, by what stands above it."""
ROW = re.compile(r"^\| *(.+?) *\|", re.MULTILINE)


def member(thing: object, name: str) -> object:
    """Return a member; of a class the name of a field is enough.

    Raises:
        AttributeError: there is none.
    """
    fields = (vars(kind).get("__annotations__", {}) for kind in getattr(thing, "__mro__", ()))
    if not hasattr(thing, name) and any(name in declared for declared in fields):
        return None
    return getattr(thing, name)


def find(name: str, plugins: dict[str, object]) -> object:
    """Return what has a dotted name: in a package of ours, or of a plugin that was made.

    Raises:
        AttributeError, ImportError: there is nothing of that name.
    """
    first, *rest = name.split(".")
    found = plugins.get(first) or import_module(first)
    for depth, part in enumerate(rest, 2):
        if isinstance(found, ModuleType) and not hasattr(found, part):
            import_module(".".join(name.split(".")[:depth]))
        found = member(found, part)
    return found


def missing(names: set[str], plugins: dict[str, object]) -> list[str]:
    """Return the names that are not there."""
    gone = []
    for name in sorted(names):
        try:
            find(name, plugins)
        except (AttributeError, ImportError):
            gone.append(name)
    return gone


def imported(page: Page) -> Iterator[str]:
    """What the code of a page imports from us."""
    for block in page.blocks("python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("issuer."):
                yield from (f"{node.module}.{name.name}" for name in node.names)


def used(page: Page) -> Iterator[str]:
    """What a page uses besides, written out from `issuer`, `module` or `backend` on."""
    codes = "\n".join(page.codes())
    text = page.blocks("python")[0] + codes
    yield from set(re.findall(r"\bissuer(?:\.\w+)+", codes)) - NO_NAMES
    yield from (f"module.{found}" for found in re.findall(r"\bgateway(?:\.\w+)+", text))
    yield from (f"backend.{found}" for found in re.findall(r"\bservices(?:\.\w+)+", text))
    yield from members(page)


def members(page: Page) -> Iterator[str]:
    """What the tables of a page list."""
    for table in re.findall(r"(?:^\|.*\n)+", page.prose, re.MULTILINE):
        header, _, *rows = ROW.findall(table)
        owner = OWNERS[page.name].get(header)
        yield from (f"{owner}.{code}" for code in re.findall(r"`(\w+)", "\n".join(rows)) if owner)


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """A module and a login backend, as the gateway makes them."""
    folder = tmp_path_factory.mktemp("plugins")
    gateway = open_gateway(folder, sample("jitsi", folder), key_uses=["jitsi"])
    yield {"module": gateway.parts.modules["jitsi"], "backend": gateway.parts.backends["local"]}
    gateway.close()


def test_every_public_name_is_there(plugins: dict[str, object]) -> None:
    assert missing(set(NAMES), plugins) == []


@pytest.mark.parametrize("page", [MODULES, BACKENDS], ids=["modules", "backends"])
def test_what_a_page_imports_is_public(page: Page) -> None:
    """It stands in the list, so it does not go away when the page no longer has it."""
    assert set(imported(page)) - set(NAMES) == set()


@pytest.mark.parametrize("page", [MODULES, BACKENDS], ids=["modules", "backends"])
def test_what_a_page_uses_is_there(page: Page, plugins: dict[str, object]) -> None:
    names = {*imported(page), *used(page)}
    assert len(names) > 15
    assert missing(names, plugins) == []


def test_a_name_that_is_gone_would_be_found(plugins: dict[str, object]) -> None:
    gone = {
        "issuer.modul.Module",
        "issuer.module.Modul",
        "module.gateway.adress",
        "backend.services.pass",
    }
    assert missing({*gone, "issuer.store.tables.NAMING"}, plugins) == sorted(gone)
