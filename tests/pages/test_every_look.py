"""Every page in every language, light and dark, from a phone to a desk; `test_pages.py` has a choice."""

import pytest

from tests.browser import OpenPage
from tests.pages.harness import CASES, LANGUAGES
from tests.pages.test_pages import SMALL_TARGETS

pytestmark = pytest.mark.real

WIDTHS = (320, 390, 768, 1280)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", CASES)
def test_a_page_pleases_everybody(open_page: OpenPage, pages: str, name: str, lang: str, dark: bool) -> None:
    window = open_page(pages + name, width=WIDTHS[0], dark=dark, lang=lang)
    page = window.page
    assert page.get_attribute("html", "lang") == lang
    assert window.problems == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert window.overflow == 0, f"scrolls sideways at {width}"
        assert page.evaluate(SMALL_TARGETS) == [], f"small at {width}"
        assert window.accessibility_problems == [], f"at {width}"
