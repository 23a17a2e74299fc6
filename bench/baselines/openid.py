"""Bare Flask with Authlib's client: `python -m bench.baselines.openid PORT ISSUER CLIENT SECRET`."""

import os
import sys

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session, url_for
from flask.typing import ResponseReturnValue

from issuer.serving import ServeOptions, serve


def bare_app(issuer: str, client: str, secret: str) -> Flask:
    app = Flask("bare")
    app.secret_key = os.environ["BENCH_SECRET"]
    oauth = OAuth(app)
    oauth.register(
        "example",
        client_id=client,
        client_secret=secret,
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
    )

    @app.get("/")
    def home() -> ResponseReturnValue:
        if "name" not in session:
            answer: ResponseReturnValue = oauth.example.authorize_redirect(url_for("back", _external=True))
            return answer
        return f"Hello, {session['name']}"

    @app.get("/login/example/callback")
    def back() -> ResponseReturnValue:
        token = oauth.example.authorize_access_token()
        session["name"] = oauth.example.userinfo(token=token)["name"]
        return redirect("/")

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    return app


def main() -> int:
    port, *provider = sys.argv[1:]
    return serve(lambda: bare_app(*provider), ServeOptions(f"127.0.0.1:{port}", 1, 4))


if __name__ == "__main__":
    sys.exit(main())
