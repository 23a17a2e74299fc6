"""The language of the pages, by Accept-Language."""

from flask import Flask, g, request
from flask_babel import Babel

LANGUAGES = ("en", "fr", "de")


def language() -> str:
    """Return the best language for the request in hand."""
    if "issuer_language" not in g:
        g.issuer_language = request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]
    chosen: str = g.issuer_language
    return chosen


def register(app: Flask) -> None:
    """Let the pages speak."""
    Babel(app, locale_selector=language)
