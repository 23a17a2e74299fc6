"""Every configuration that the pages show can be used, and every option that they name exists."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from issuer.backend import Backend
from issuer.settings.describe import sections
from issuer.settings.models import Settings
from issuer.settings.problems import ConfigError, option_names
from issuer.wiring.plugins import BACKENDS, known, load
from modules.demo.module import DemoSettings
from modules.jitsi.settings import JitsiSettings
from modules.livekit.settings import LiveKitSettings
from modules.matrix.settings import VerificationSettings
from modules.oidc.settings import OidcSettings
from tests.docs.configurations import application, close, whole
from tests.docs.pages import Page, pages

OWN_TESTS = {"docs/rules.md", "docs/modules.md", "docs/writing-backends.md"}
"""Pages whose blocks are tables of cases, or belong to a module that only the page's own test has."""

BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in pages()
    if page.name not in OWN_TESTS
    for number, block in enumerate(page.blocks("toml"))
]
MODULES: dict[str, type[BaseModel]] = {
    "jitsi": JitsiSettings,
    "livekit": LiveKitSettings,
    "matrix": VerificationSettings,
    "oidc": OidcSettings,
    "demo": DemoSettings,
}


def test_there_are_blocks() -> None:
    assert len(BLOCKS) > 15


@pytest.mark.parametrize("block", BLOCKS)
def test_a_configuration_can_be_used(block: str, tmp_path: Path, keys: Path) -> None:
    close(application(whole(block), tmp_path, keys))


def test_a_wrong_block_would_be_found(tmp_path: Path, keys: Path) -> None:
    with pytest.raises(ConfigError, match="expirations"):
        application(whole('[modules.jitsi]\nexpirations = "5m"'), tmp_path, keys)
    with pytest.raises(ConfigError, match="inGrup"):
        application(whole("[modules.jitsi]\nrule = 'inGrup(\"x\")'"), tmp_path, keys)


def known_options() -> Iterator[str]:
    """Every option by its path, and every section."""
    yield from _of(Settings, "")
    for name in known(BACKENDS):
        yield from _of(load(BACKENDS, name, Backend).Settings, f"backends.{name}")
    for name, model in MODULES.items():
        yield from _of(model, f"modules.{name}")


def _of(model: type[BaseModel], path: str) -> Iterator[str]:
    for section in sections(model, path):
        place = section.path.removesuffix("[]").removesuffix('."<name>"')
        yield place
        yield from (".".join(filter(None, [place, option.name])) for option in section.options)
    yield from (".".join(filter(None, [path, name])) for name in option_names(model))


TOP = {name for name in Settings.model_fields if name not in {"public_url", "data_dir", "main_identifier"}}
PATH = re.compile(rf"(?:{'|'.join(sorted(TOP))})(?:\.[a-z_]+)+")
FILES = (".md", ".toml", ".py", ".json")


def named_options(page: Page) -> set[str]:
    codes = (code for code in page.codes() if not code.endswith(FILES))
    headers = (code.strip("[]") for code in page.codes() if re.fullmatch(r"\[+[a-z_.]+\]+", code))
    return {code for code in (*codes, *headers) if PATH.fullmatch(code)}


@pytest.mark.parametrize("page", [p for p in pages() if p.name != "docs/modules.md"], ids=lambda p: p.name)
def test_every_option_that_is_named_exists(page: Page) -> None:
    assert named_options(page) - set(known_options()) == set()


def test_options_are_found_in_prose() -> None:
    named = {option for page in pages() for option in named_options(page)}
    assert {"server.trusted_proxies", "modules.jitsi.user"} <= named


def test_every_option_of_the_jitsi_page_exists() -> None:
    page = next(page for page in pages() if page.name == "docs/jitsi.md")
    named = {code for code in page.codes() if re.fullmatch(r"(user|room)\.[a-z_]+", code)}
    known = {option.removeprefix("modules.jitsi.") for option in known_options()}
    assert len(named) > 8
    assert named - known == set()


def test_every_table_of_toml_is_toml() -> None:
    for page in pages():
        for block in page.blocks("toml"):
            tomllib.loads(block)
