"""Links between the pages lead somewhere."""

from urllib.parse import unquote

import pytest

from tests.docs.pages import ROOT, Page, anchor, pages


def broken(page: Page, link: str) -> bool:
    if link.startswith(("https://", "http://", "mailto:")):
        return False
    name, _, fragment = unquote(link).partition("#")
    target = (page.path.parent / name).resolve() if name else page.path
    if not target.exists() or not target.is_relative_to(ROOT):
        return True
    return bool(fragment) and fragment not in Page(target).anchors()


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Page) -> None:
    assert [link for link in page.links() if broken(page, link)] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    names = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert {name for name in names if f"]({name})" not in index} == set()


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    assert max(picture.stat().st_size for picture in pictures) < 200_000


def test_a_wrong_link_would_be_found() -> None:
    readme = Page(ROOT / "README.md")
    assert broken(readme, "docs/nothing.md")
    assert broken(readme, "docs/rules.md#nothing")
    assert not broken(readme, "docs/rules.md#what-goes-wrong-and-when")
    assert anchor("What goes wrong, and when") == "what-goes-wrong-and-when"
