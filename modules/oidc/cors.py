"""Which pages of other origins may read the answers (Fetch Standard §3.3): a client's own, and no others."""

from flask import Response, request

from issuer.web.application import request_in_hand
from modules.oidc.clients.client import Client, Registry

ANY = {"Access-Control-Allow-Origin": "*"}
"""For what holds nothing of anybody: discovery and keys."""
MAX_AGE = "600"


def allow(answer: Response, client: Client | None) -> Response:
    """Let the client's own pages read an answer, which has no `Vary` yet."""
    answer.headers.add("Vary", "Origin")
    origin = request_in_hand().headers.get("Origin")
    if origin and client and origin in client.origins:
        answer.headers["Access-Control-Allow-Origin"] = origin
    return answer


def preflight(registry: Registry) -> Response:
    """Answer OPTIONS: a preflight names no client, so the origin of any client will do."""
    answer = Response(b"", 204)
    answer.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin and any(origin in client.origins for client in registry.all()):
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Allow-Methods"] = "GET, POST"
        answer.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        answer.headers["Access-Control-Max-Age"] = MAX_AGE
    return answer
