"""docs/specifications.md lists every specification that the source cites."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, page

SOURCES = [*ROOT.glob("issuer/**/*.py"), *ROOT.glob("modules/**/*.py")]
RFC = re.compile(r"RFC (\d+)(?:bis)?((?: §[\d.]*\d)?)")
OTHERS = (
    r"(OIDC Core|CSP Level 3|WHATWG URL|Fetch Metadata|Fetch(?= §)|PEP \d+|ASGI(?= \d)|FIPS [\d-]+|XML 1\.0"
    r"|MSC\d+|BCP \d+)"
)
LINES = page("docs/specifications.md").text.splitlines()


def cited(pattern: str) -> set[str]:
    found: set[str] = set()
    for source in SOURCES:
        text = " ".join(Path(source).read_text(encoding="utf-8").split())
        found |= {match.group(0) for match in re.finditer(pattern, text)}
    return found


@pytest.mark.parametrize("citation", sorted(cited(RFC.pattern)))
def test_an_rfc_is_listed_with_its_section(citation: str) -> None:
    name, _, section = citation.partition(" §")
    rows = [line for line in LINES if line.startswith("|") and f"[{name}]" in line]
    assert rows
    assert not section or any(re.search(rf"§{re.escape(section)}(?![\d.]*\d)", row) for row in rows)


@pytest.mark.parametrize("citation", sorted(cited(OTHERS)))
def test_another_specification_is_listed(citation: str) -> None:
    assert any(citation in line for line in LINES if line.startswith("|"))
