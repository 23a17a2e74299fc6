"""docs/modules.md: the smallest useful module, with its test, as somebody else's package has them."""

from pathlib import Path
from typing import Any

import jwt
import pytest

from issuer.keys.material import generate_private
from tests.contracts.breaches import BREACHES
from tests.contracts.page import NOTES, STRICT, follow, run
from tests.wheel import install

pytestmark = pytest.mark.server

MODULE = NOTES.plugin
VERIFICATION = NOTES.page.blocks("python")[1]
LONGEST = 60
MEMBER = "    def blueprint(self):"
TABLES = """
    @classmethod
    def tables(cls):
        from notes_module.tables import TABLES
        return TABLES

"""


def test_the_module_of_the_page_passes_its_test(wheel: Path, tmp_path: Path) -> None:
    """The modules page and the backends page are installed with pip as they stand and pass
    their own tests.
    """
    environment = install(wheel, tmp_path / ".venv", "testing")
    NOTES.write(tmp_path)
    checked, tested = follow(NOTES, environment, tmp_path)
    assert f"`{checked.strip()}`" in NOTES.page.text
    assert " passed" in tested.splitlines()[-1]
    assert "skipped" not in tested
    assert environment.has("issuer", "modules.jitsi", "notes_module")
    environment.command("issuer init sample.toml --module notes", cwd=tmp_path)
    assert "\n[modules.notes]\n" in (tmp_path / "sample.toml").read_text()


def test_the_module_of_the_page_can_have_tables(wheel: Path, tmp_path: Path) -> None:
    """It becomes a package of several files, as the page draws it."""
    environment = install(wheel, tmp_path / ".venv", "testing")
    about = NOTES.files["pyproject.toml"].partition("[tool.setuptools]")[0] + NOTES.page.blocks("toml")[2]
    module = MODULE.replace(MEMBER, TABLES + MEMBER)
    NOTES.write(tmp_path, 1, **{"pyproject.toml": about, "notes_module/__init__.py": module})
    environment.command("pip install ./notes-module", cwd=tmp_path)
    assert environment.has("notes_module.tables")
    tested = environment.command(f"pytest notes-module -k tables {STRICT}", cwd=tmp_path)
    assert "1 passed" in tested.splitlines()[-1]


def test_the_module_of_the_page_is_small() -> None:
    assert len(MODULE.splitlines()) <= LONGEST


def test_the_contract_finds_breaches(tmp_path: Path) -> None:
    """A test of the contract that cannot fail would be worse than none."""
    expected, nodes = set(), []
    for number, (name, (before, after)) in enumerate(BREACHES.items()):
        worse = MODULE.replace(before, after, 1)
        assert worse != MODULE, name
        NOTES.imitate(tmp_path, f"breach{number}", worse)
        file = f"test_breach{number}.py"
        nodes.append(f"{file}::TestNotes::{name}")
        expected.add((file, name))
    failed, printed = run(tmp_path, *nodes)
    assert failed == expected, printed


def test_the_service_of_the_page_judges_tokens() -> None:
    """As it is told to: by key, algorithm, audience and issuer."""
    names: dict[str, Any] = {"jwt": jwt}
    exec(VERIFICATION, names)
    ours, other = generate_private("rsa-2048"), generate_private("rsa-2048")
    claims = {"sub": "dwho", "aud": "https://notes.example.com/enter/", "iss": "https://auth.example.com/"}

    def judged(claims: dict[str, str], key: Any = ours, algorithm: str = "RS256") -> Any:
        token = jwt.encode(claims, key, algorithm, {"kid": "notes-key"})
        return names["person_of"](token, {"notes-key": ours.public_key()})

    assert judged(claims)["sub"] == "dwho"
    for refused in ({**claims, "aud": "https://other.example.com/"}, {**claims, "iss": "https://x.example/"}):
        with pytest.raises(jwt.InvalidTokenError):
            judged(refused)
    for key, algorithm in ((other, "RS256"), (b"x" * 32, "HS256"), (None, "none"), (ours, "PS256")):
        with pytest.raises(jwt.InvalidTokenError):
            judged(claims, key, algorithm)
