"""Answers in JSON that a page of any origin may read: clients are web applications anywhere."""

import json
from collections.abc import Mapping

from flask import Response

from issuer.web.cors import EVERY, Cors

CORS = Cors(
    methods="POST",
    request_headers="Accept, Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token",
    max_age=None,
)
JSON = {"Content-Type": "application/json"}
HEADERS = {**CORS.preflight({EVERY}), **JSON}
"""Of every answer, as lk-jwt-service has them, not of a preflight alone."""


def answer(body: Mapping[str, str], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a body as JSON."""
    return Response(json.dumps(body), status, {**HEADERS, **(headers or {})})


def plain(body: Mapping[str, str], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a body as JSON, for what is not a page."""
    return Response(json.dumps(body), status, {**JSON, **(headers or {})})


def preflight() -> Response:
    """Return the answer to OPTIONS."""
    return Response(b"", 200, HEADERS)
