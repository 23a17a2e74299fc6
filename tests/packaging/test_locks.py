"""The locks have all that is installed, and nothing of the machine on which they were made."""

import tomllib

import pytest
from packaging.requirements import Requirement

from tests.packaging.files import ROOT, locked, requirements, setup, unmet

PRODUCT, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"


@pytest.mark.parametrize("lock", [PRODUCT, DEVELOPMENT])
def test_a_lock_has_pins_with_hashes_and_nothing_else(lock: str) -> None:
    pins = locked(lock)
    assert len(pins) > 50
    assert [name for name, (_, hashes) in pins.items() if not hashes] == []
    assert "://" not in (ROOT / lock).read_text()


def test_the_product_and_postgresql_are_locked() -> None:
    wanted = [
        *requirements("options", "install_requires"),
        *requirements("options.extras_require", "postgresql"),
    ]
    assert unmet(wanted, locked(PRODUCT)) == []


def test_every_extra_is_locked_for_development() -> None:
    for extra in setup()["options.extras_require"]:
        assert unmet(requirements("options.extras_require", extra), locked(DEVELOPMENT)) == []


def test_what_builds_the_product_is_locked() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert unmet([Requirement(line) for line in build], locked(PRODUCT)) == []


def test_development_has_the_product_as_it_is_installed() -> None:
    development = locked(DEVELOPMENT)
    assert {name: development.get(name) for name in locked(PRODUCT)} == locked(PRODUCT)


def test_a_requirement_that_is_not_locked_is_found() -> None:
    missing = [Requirement("redis>=9999"), Requirement("not-there")]
    assert unmet([*missing, Requirement("Redis>=1")], locked(PRODUCT)) == ["redis>=9999", "not-there"]
