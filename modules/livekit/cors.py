"""Answers that a page of any origin may read (Fetch Standard §3.3): clients are web applications anywhere."""

import json
from collections.abc import Mapping

from flask import Response

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Accept, Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token",
    "Content-Type": "application/json",
}


def answer(body: Mapping[str, str], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a body as JSON."""
    return Response(json.dumps(body), status, {**HEADERS, **(headers or {})})


def plain(body: Mapping[str, str], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a body as JSON, for what is not a page."""
    return Response(json.dumps(body), status, {"Content-Type": HEADERS["Content-Type"], **(headers or {})})


def preflight() -> Response:
    """Return the answer to OPTIONS."""
    return Response(b"", 200, HEADERS)
