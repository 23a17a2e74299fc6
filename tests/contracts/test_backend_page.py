"""docs/writing-backends.md: the smallest useful login backend, as somebody else's package has it."""

import ast
from pathlib import Path

import pytest

from tests.contracts.page import MEMBERS, follow, run
from tests.wheel import install

pytestmark = pytest.mark.server

LONGEST = 20

VERIFIED = "return self.identity(login, found) if found and right else None"


def method(name: str, value: str) -> tuple[str, str]:
    """Put another method in."""
    return "    def knows", f"    def {name}(self):\n        return {value}\n\n    def knows"


BREACHES = {
    "test_it_can_be_found": ("Settings = MembersSettings", "Settings = dict"),
    "test_every_option_says_what_it_is_for": ('    """JSON: ', '    """""" and """JSON: '),
    "test_an_unknown_option_is_refused": ("(BackendSettings):", '(BackendSettings, extra="ignore"):'),
    "test_the_identity_is_whole": ("Identity(self.instance,", 'Identity("members",'),
    "test_its_level_is_one_of_its_levels": method("auth_levels", "()"),
    "test_the_person_can_be_read_again": (
        "if found else None\n\n    def knows",
        "if found else identity\n\n    def knows",
    ),
    "test_it_knows_its_user_names": ("return uid in self.members()", "return True"),
    "test_the_subject_stays_the_same": (
        "Identity(self.instance, number,",
        "Identity(self.instance, str(self.services.randomness.bytes(3)),",
    ),
    "test_a_wrong_password_does_not": (VERIFIED, VERIFIED.replace("found and right", "found")),
    "test_an_empty_password_does_not": (VERIFIED, VERIFIED.replace("right", "(right or not password)")),
    "test_an_unknown_login_does_not": (
        VERIFIED,
        "if not found:\n            login, found = [*self.members().items()][0]\n            "
        'right = self.services.passwords.verify(found["password"], password)\n        ' + VERIFIED,
    ),
    "test_strange_texts_sign_nobody_in": (
        "found = self.members().get(login)",
        "found = self.members()[login]",
    ),
    "test_whoever_is_gone_does_not_sign_in": (
        "return json.loads(self.settings.file.read_text())",
        'self.x = self.__dict__.get("x") or json.loads(self.settings.file.read_text()); return self.x',
    ),
    "test_its_checks_pass": method(
        "checks", '[__import__("issuer.check").check.Check("sum", lambda: 1 / 0)]'
    ),
    "test_it_starts_and_stops": method("start", "1 / 0"),
}
"""What is replaced by what, by the test that finds it."""


def test_the_backend_of_the_page_passes_its_test(wheel: Path, tmp_path: Path) -> None:
    """The modules page and the backends page are installed with pip as they stand and pass their own tests.

    Contract suite green for all four, and shown in the docs for a fifth that the reader writes (20 lines,
    run as a test).
    """
    environment = install(wheel, tmp_path / ".venv", "testing")
    MEMBERS.write(tmp_path)
    checked, tested = follow(MEMBERS, environment, tmp_path)
    assert checked.startswith("ok   configuration; ")
    assert " passed" in tested.splitlines()[-1]
    assert "skipped" not in tested
    assert environment.has("issuer", "members_backend")


@pytest.mark.parametrize("text", [MEMBERS.plugin, MEMBERS.test], ids=["backend", "test"])
def test_the_backend_of_the_page_is_small(text: str) -> None:
    """Contract suite green for all four, and shown in the docs for a fifth that the reader writes (20 lines,
    run as a test).
    """
    tree = ast.parse(text)
    (node,) = [
        found for found in tree.body if isinstance(found, ast.ClassDef) and "Settings" not in found.name
    ]
    lines = [line for line in text.splitlines()[node.lineno - 1 : node.end_lineno] if line.strip()]
    assert len(lines) <= LONGEST


def test_the_contract_finds_breaches(tmp_path: Path) -> None:
    """A test of the contract that cannot fail would be worse than none."""
    expected, nodes = set(), []
    for number, (name, (before, after)) in enumerate(BREACHES.items()):
        worse = MEMBERS.plugin.replace(before, after, 1)
        assert worse != MEMBERS.plugin, name
        MEMBERS.imitate(tmp_path, f"breach{number}", worse)
        file = f"test_breach{number}.py"
        nodes.append(f"{file}::TestMembers::{name}")
        expected.add((file, name))
    failed, printed = run(tmp_path, *nodes)
    assert failed == expected, printed
