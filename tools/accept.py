"""Run what must be seen to hold: every line of tests/acceptance.txt has tests that quote it.

A docstring quotes it: that of the test, or of its class.

A line whose tests fail, or that no test quotes, is a failure.
"""

import sys
from collections import defaultdict
from pathlib import Path

import pytest

LINES = Path("tests/acceptance.txt")


def plain(text: str) -> str:
    """Return a text with single spaces, as lines are compared."""
    return " ".join(text.split())


class Acceptance:
    """A pytest plugin: keeps the tests that quote a line, and remembers how they end."""

    def __init__(self, lines: list[str]) -> None:
        """Look for these lines."""
        self.tests: dict[str, set[str]] = {line: set() for line in lines}
        self.outcomes: dict[str, set[str]] = defaultdict(set)

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the tests whose docstring, or whose class's, quotes a line."""
        kept: list[pytest.Item] = []
        others: list[pytest.Item] = []
        for item in items:
            holders = (getattr(item, "obj", None), getattr(item, "cls", None))
            docstring = plain(" ".join(getattr(holder, "__doc__", None) or "" for holder in holders))
            quoted = [line for line in self.tests if line in docstring]
            for line in quoted:
                self.tests[line].add(item.nodeid)
            (kept if quoted else others).append(item)
        items[:] = kept
        config.hook.pytest_deselected(items=others)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember how a test ended."""
        self.outcomes[report.nodeid].add(report.outcome)

    def verdict(self, line: str) -> str:
        """Return how a line stands."""
        if not self.tests[line]:
            return "NO TEST"
        passed = all(self.outcomes[nodeid] == {"passed"} for nodeid in self.tests[line])
        return "pass" if passed else "FAIL"


def main() -> int:
    """Print every line with pass or fail; return the exit status."""
    lines = [plain(line) for line in LINES.read_text().splitlines() if line.strip()]
    acceptance = Acceptance(lines)
    pytest.main(["-q", "-p", "no:xdist", "-m", ""], plugins=[acceptance])
    print()
    verdicts = [acceptance.verdict(line) for line in lines]
    for line, verdict in zip(lines, verdicts, strict=True):
        print(f"{verdict:8} {line}")
    return 0 if set(verdicts) == {"pass"} else 1


if __name__ == "__main__":
    sys.exit(main())
