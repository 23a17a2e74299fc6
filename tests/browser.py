"""A real Chromium for tests: import the fixtures `browser` and `open_page` in a conftest.

The browser lives as long as one test module, not the whole run: Playwright's synchronous interface keeps
an event loop running in this thread, and `asyncio.run` in a test of another module would be refused.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    # WebRTC between two pages of one browser, on a machine that may have no network
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]


@dataclass
class Window:
    """A page, and everything that the browser complained about on it.

    Violations of the Content-Security-Policy are among the console's errors. That the document itself was
    answered with an error status is not a complaint: error pages are pages.
    """

    page: Page
    _documents: set[str] = field(default_factory=set)
    _messages: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self._messages.append(("", str(error))))
        self.page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._messages.append((message.location["url"], message.text))

    def _on_response(self, response: Response) -> None:
        if response.request.is_navigation_request():
            self._documents.add(response.url)

    @property
    def problems(self) -> list[str]:
        return [
            text
            for url, text in self._messages
            if not (url in self._documents and text.startswith("Failed to load resource"))
        ]

    @property
    def accessibility_problems(self) -> list[str]:
        """What axe-core finds; ask for `problems` first, because this puts a script into the page."""
        violations = Axe().run(self.page).response["violations"]
        return [f"{found['id']}: {node['html']}" for found in violations for node in found["nodes"]]

    @property
    def overflow(self) -> int:
        """How many pixels the page can be scrolled sideways."""
        root = "document.documentElement"
        return int(self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))


OpenPage = Callable[..., Window]


@pytest.fixture(scope="module")
def browser(programs: None) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a window with cookies of its own: `open_page(url, width=390, dark=True, lang="de")`."""
    contexts = []

    def open_(
        url: str, *, width: int = 1280, dark: bool = False, lang: str = "en", any_certificate: bool = False
    ) -> Window:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            locale=lang,
            ignore_https_errors=any_certificate,
        )
        contexts.append(context)
        window = Window(context.new_page())
        window.page.goto(url)
        return window

    yield open_
    for context in contexts:
        context.close()
