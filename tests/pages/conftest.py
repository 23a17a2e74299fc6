"""The pages' server, and a browser to look at them."""

from collections.abc import Iterator

import pytest

from tests.browser import browser, open_page
from tests.pages.harness import pages_app, serving

__all__ = ["browser", "open_page", "pages"]


@pytest.fixture(scope="package")
def pages() -> Iterator[str]:
    with serving(pages_app()) as address:
        yield f"{address}/cases/"
