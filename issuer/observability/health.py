"""Routes for machines: `/healthz` (alive), `/readyz` (fit for work), and the key set (RFC 7517 §5)."""

import logging
from collections.abc import Callable, Iterable

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

from issuer.check import Check
from issuer.keys import KeyRing
from issuer.web.cors import EVERYBODY

_log = logging.getLogger(__name__)

HEALTHZ, READYZ = "/healthz", "/readyz"
JWKS_CACHE = "public, max-age=300"


def register(app: Flask, checks: Callable[[], Iterable[Check]], keys: KeyRing) -> None:
    """Add the routes."""

    def healthz() -> ResponseReturnValue:
        return "ok\n", {"Content-Type": "text/plain"}

    def readyz() -> ResponseReturnValue:
        failed = [check.name for check in checks() if not passes(check)]
        if failed:
            return f"not ready: {', '.join(failed)}\n", 503, {"Content-Type": "text/plain"}
        return "ready\n", {"Content-Type": "text/plain"}

    def jwks() -> ResponseReturnValue:
        answer = jsonify(keys.jwks())
        answer.headers["Cache-Control"] = JWKS_CACHE
        answer.headers.update(EVERYBODY)
        return answer

    app.add_url_rule(HEALTHZ, "healthz", healthz, provide_automatic_options=False)
    app.add_url_rule(READYZ, "readyz", readyz)
    app.add_url_rule("/.well-known/jwks.json", "jwks", jwks)


def passes(check: Check) -> bool:
    """Run a check; the log says why it fails."""
    try:
        check.run()
    except Exception as error:
        _log.warning("not ready: %s: %s", check.name, error)
        return False
    return True
