"""The language of the pages, by Accept-Language."""

from flask import Flask, g, request
from flask_babel import Babel

from issuer.web.urls import languages_in, requested, requirements_of, safe_return_to

LANGUAGES = ("en", "fr", "de")


def language() -> str:
    """Return the best language for the request in hand."""
    if "issuer_language" not in g:
        g.issuer_language = _best()
    chosen: str = g.issuer_language
    return chosen


def _best() -> str:
    """Return the first wish that we speak: `de-AT` is German, however well English is understood too.

    An application's wish comes first: of this request, or of the one that waits for the sign-in.
    """
    own = [tag for tag, quality in request.accept_languages if quality > 0]
    waiting = requirements_of(safe_return_to(request.args.get("next"))).wanted
    asked = [*languages_in(requested(request)), *languages_in(waiting)]
    wishes = (tag.lower().partition("-")[0] for tag in (*asked, *own))
    return next((wish for wish in wishes if wish in LANGUAGES), LANGUAGES[0])


def register(app: Flask) -> None:
    """Let the pages speak."""
    Babel(app, locale_selector=language)
