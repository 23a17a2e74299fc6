"""The pages on decisions name files and tests that exist, and the index has them all."""

import re

import pytest

from tests.docs.pages import ROOT, Page

FOLDER = ROOT / "docs" / "decisions"
INDEX = Page(FOLDER / "README.md")
DECISIONS = [Page(path) for path in sorted(FOLDER.glob("*.md")) if path.name != "README.md"]
PLACE = re.compile(r"(?:issuer|modules|tests|bench|tools|docs|deploy)/\S*")
LONGEST, SHORTEST = 45, 15


def places(text: str) -> list[str]:
    """Return the paths of this repository that stand between backticks."""
    return re.findall(rf"`({PLACE.pattern})`", text)


def is_there(place: str) -> bool:
    """Tell whether a path, or something that its pattern means, exists."""
    if place.endswith("/"):
        return (ROOT / place).is_dir()
    return any(ROOT.glob(place))


@pytest.mark.parametrize(
    "page", [INDEX, *DECISIONS, Page(ROOT / "CONTRIBUTING.md")], ids=lambda page: page.name
)
def test_every_place_that_is_named_exists(page: Page) -> None:
    named = places(page.prose)
    assert named
    assert [place for place in named if not is_there(place)] == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_is_in_the_index(page: Page) -> None:
    assert INDEX.text.count(f"]({page.path.name}) |") == 1


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_says_why_and_where_and_is_short(page: Page) -> None:
    assert {"why", "what-follows", "what-would-change-it", "where"} <= page.anchors()
    assert any(place.startswith("tests/") for place in places(page.prose)) or "make lint" in page.text
    assert SHORTEST <= len(page.prose.splitlines()) <= LONGEST


def test_every_invariant_has_tests() -> None:
    rows = [line for line in INDEX.text.splitlines() if re.match(r"\| [1-9][0-9]? \|", line)]
    assert [row.split(" | ")[0] for row in rows] == [f"| {number}" for number in range(1, len(rows) + 1)]
    assert all(any(place.startswith("tests/") for place in places(row)) for row in rows)


def test_a_wrong_place_would_be_found() -> None:
    assert places("`issuer/x.py`, issuer/y.py, `make`, `docs/`") == ["issuer/x.py", "docs/"]
    assert not is_there("issuer/nothing.py")
    assert not is_there("issuer/nothing/")
    assert is_there("issuer/translations/*/LC_MESSAGES/messages.po")
    assert is_there("issuer/store/")
