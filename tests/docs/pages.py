"""The pages for people, as tests read them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """A Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """The text without fenced blocks."""
        return FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> list[str]:
        return [body for language, body in FENCE.findall(self.text) if language in languages]

    def codes(self) -> list[str]:
        """What stands between backticks in the prose."""
        return CODE.findall(self.prose)

    def links(self) -> list[str]:
        return LINK.findall(CODE.sub("", self.prose))

    def anchors(self) -> set[str]:
        """The anchors of the headings, as GitHub and its relatives make them."""
        return {anchor(heading) for heading in HEADING.findall(self.prose)}

    def commands(self) -> Iterator[str]:
        """Every `issuer` command line, in blocks and in prose."""
        for block in self.blocks("", "sh"):
            yield from re.findall(r"(?:^|\| |ExecStart=\S*/)(issuer [^|\n]+)", block, re.MULTILINE)
        yield from (code for code in self.codes() if code.startswith("issuer "))
        yield from re.findall(r"^    \$ (issuer .+)$", self.prose, re.MULTILINE)


def anchor(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).strip().lower())
    return kept.replace(" ", "-")


def pages() -> list[Page]:
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "keys").glob("*.md")]
    return [Page(path) for path in sorted(found)]


def page(name: str) -> Page:
    return Page(ROOT / name)
