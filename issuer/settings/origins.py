"""Origins of pages, as options."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from issuer.portal.urls import origin
from issuer.settings.types import BaseUrl


def _origin(url: str) -> str:
    if urlsplit(url).path != "/":
        raise ValueError('an origin has no path: write it as "https://app.example.com"')
    return origin(url)


Origin = Annotated[BaseUrl, AfterValidator(_origin)]
"""Scheme, host and port of a page, as a browser names it (RFC 6454 §6.2)."""
