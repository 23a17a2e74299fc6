"""Which pages of other origins may ask, and read the answers (Fetch Standard §3.3, CORS protocol)."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from flask.typing import ResponseReturnValue

from issuer.web.application import request_in_hand

EVERY = "*"
ORIGIN = "Access-Control-Allow-Origin"
EVERYBODY = {ORIGIN: EVERY}
"""For answers that hold nothing of anybody."""


@dataclass(frozen=True, slots=True)
class Cors:
    """What the browsers of such pages are told."""

    methods: str
    request_headers: str
    exposed: str = ""
    """Headers of an answer that pages may read besides the usual ones."""
    max_age: int | None = 600
    """Seconds for which a browser remembers a preflight; None: as long as it likes."""

    def preflight(self, origins: Collection[str], *, credentials: bool = False) -> Mapping[str, str]:
        """Return the headers that answer a preflight; nothing but `Vary` for a page that may not ask."""
        headers = dict(self.answer(origins, credentials=credentials))
        if ORIGIN in headers:
            headers.pop("Access-Control-Expose-Headers", None)
            headers["Access-Control-Allow-Methods"] = self.methods
            headers["Access-Control-Allow-Headers"] = self.request_headers
            if self.max_age is not None:
                headers["Access-Control-Max-Age"] = str(self.max_age)
        return headers

    def answer(self, origins: Collection[str], *, credentials: bool = False) -> Mapping[str, str]:
        """Return the headers of an answer.

        Args:
            origins: the origins (RFC 6454 §6.2) whose pages may read it; `EVERY` alone for all pages.
            credentials: the page may send the session of the browser.
        """
        if EVERY in origins:
            return EVERYBODY
        named = request_in_hand().environ.get("HTTP_ORIGIN", "")
        if named not in origins:
            return {"Vary": "Origin"}
        headers = {"Vary": "Origin", ORIGIN: named}
        if credentials:
            headers["Access-Control-Allow-Credentials"] = "true"
        if self.exposed:
            headers["Access-Control-Expose-Headers"] = self.exposed
        return headers


View = Callable[[], ResponseReturnValue]


def with_preflight(view: View, preflight: View) -> View:
    """Return a view that leaves OPTIONS to another one."""

    def answer() -> ResponseReturnValue:
        return preflight() if request_in_hand().method == "OPTIONS" else view()

    return answer
