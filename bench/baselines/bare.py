"""Bare Flask routes, on the server of the product: `python -m bench.baselines.bare PORT WORKERS`."""

import sys

from flask import Flask, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from issuer.serving import ServeOptions, serve
from issuer.settings.models import ServerSettings

MEETING = "https://meet.example.com/board"
TEXT = "x" * 451
"""As long as the PEM of an RSA-2048 key."""

TOKEN = {"token": "x" * 720, "expiresAt": "2026-03-01T14:05:00Z", "url": "wss://sfu.example.com"}
"""As long as the answer with a LiveKit token."""


def bare_app() -> Flask:
    app = Flask("bare")

    @app.get("/redirect")
    def to_meeting() -> BaseResponse:
        return redirect(MEETING)

    @app.get("/text")
    def text() -> Response:
        return Response(TEXT, content_type="text/plain")

    @app.post("/token")
    def token() -> Response:
        request.get_json()
        return jsonify(TOKEN)

    @app.post("/json")
    def json() -> Response:
        return jsonify(TOKEN)

    return app


def main() -> int:
    port, workers = (int(argument) for argument in sys.argv[1:])
    return serve(bare_app, ServeOptions(f"127.0.0.1:{port}", workers, ServerSettings().threads))


if __name__ == "__main__":
    sys.exit(main())
