"""The language of the pages, by Accept-Language."""

from collections.abc import Callable

from flask import Flask, Request, g, request
from flask_babel import Babel

from issuer.web.urls import languages_in, requested

LANGUAGES = ("en", "fr", "de")


class Language:
    """Finds the language of the request in hand."""

    def __init__(self, app: Flask, waiting: Callable[[Request], str]) -> None:
        """Let the pages of an application speak; `waiting` returns the address that waits for a sign-in."""
        self._waiting = waiting
        Babel(app, locale_selector=self.current)

    def current(self) -> str:
        """Return the best language for the request in hand."""
        if "issuer_language" not in g:
            g.issuer_language = self._best()
        chosen: str = g.issuer_language
        return chosen

    def _best(self) -> str:
        """Return the first wish that we speak: `de-AT` is German, however well English is understood too.

        An application's wish comes first: of this request, or of the one that waits for the sign-in.
        """
        own = [tag for tag, quality in request.accept_languages if quality > 0]
        asked = [*languages_in(requested(request)), *languages_in(self._waiting(request))]
        wishes = (tag.lower().partition("-")[0] for tag in (*asked, *own))
        return next((wish for wish in wishes if wish in LANGUAGES), LANGUAGES[0])
