"""The server under test: `python -m tests.serving.program '{"bind": …}'` with a small Flask application."""

import errno
import json
import logging
import os
import resource
import sys
import time
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from threading import Thread, Timer
from typing import Any

from flask import Flask, Response, request

from issuer.runtime import UnknownOutcome, defer_response
from issuer.serving import ServeOptions, serve

LARGE = 1024 * 1024


class Program(Flask):
    """Some clients may send much to `/length`."""

    large_bodies = {"/length": (LARGE, lambda authorization: authorization == "Bearer of much")}  # noqa: RUF012


def load_app() -> Flask:
    app = Program(__name__)

    @app.get("/")
    def process() -> str:
        return str(os.getpid())

    @app.post("/form")
    def form() -> str:
        return request.form["name"]

    @app.post("/length")
    def length() -> str:
        return str(len(request.get_data()))

    @app.get("/slow/<float:seconds>")
    def slow(seconds: float) -> str:
        time.sleep(seconds)
        return "slow"

    @app.get("/fail")
    def fail() -> Response:
        return Response(_failing())

    @app.get("/umlaut")
    def umlaut() -> Response:
        return Response(headers={"X-Name": "ü"})

    @app.get("/imported/<module>")
    def imported(module: str) -> str:
        return str(module in sys.modules)

    _add_burdens(app)
    _add_deferrals(app)

    @app.route("/environ", defaults={"rest": ""})
    @app.route("/environ/<path:rest>")
    def environ(rest: str) -> dict[str, Any]:
        return {key: value for key, value in request.environ.items() if isinstance(value, str)}

    return app


def _add_burdens(app: Flask) -> None:
    @app.get("/bytes/<int:count>")
    def some_bytes(count: int) -> bytes:
        return bytes(count)

    @app.get("/hoard")
    def hoard() -> str:
        kept = []
        with suppress(OSError):
            while True:
                kept.append(os.open(os.devnull, os.O_RDONLY))
        time.sleep(1.5)  # while the connections of this process are looked at
        for descriptor in kept:
            os.close(descriptor)
        return "none is left"

    @app.get("/never")
    def never() -> str:
        return str(sum(range(10**15)))  # one call, and no other thread of this process runs any more


def _add_deferrals(app: Flask) -> None:
    @app.route("/later/<outcome>", methods=["GET", "POST"])
    def later(outcome: str) -> str:
        if (deferred := defer_response(request.environ)) is None:
            return ": ".join(filter(None, ["waited", request.get_data().decode()]))
        outcomes = {"good": None, "unknown": UnknownOutcome()}
        error = outcomes.get(outcome, OSError(outcome))
        deferred.wait_for(lambda done: Thread(target=done, args=[error]).start())
        return "deferred"

    @app.post("/content-later/<float:seconds>")
    def content_later(seconds: float) -> str:
        deferred, content = defer_response(request.environ), request.get_data()
        assert deferred
        deferred.wait_for(lambda done: Timer(seconds, done, [content]).start())
        return "nothing yet"

    @app.get("/later-and-fail")
    def later_and_fail() -> Response:
        deferred = defer_response(request.environ)
        assert deferred
        deferred.wait_for(lambda _done: None)
        return Response(_failing())


def _failing() -> Any:
    yield b"half an answer"
    raise RuntimeError("half-way")


def load_counting() -> Flask:
    from prometheus_client import CollectorRegistry, Counter

    app = load_app()
    asked = Counter("asked", "Requests", registry=CollectorRegistry())
    app.before_request(asked.inc)
    return app


def load_broken() -> Flask:
    raise ValueError("the store is on fire")


def refuse_forks(allowed: int, remedy: Path) -> None:
    """Let the system refuse processes after so many, until a file is there."""
    fork, left = os.fork, iter(range(allowed))

    def limited() -> int:
        if next(left, None) is None and not remedy.exists():
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return fork()

    os.fork = limited


LOADERS = {"plain": load_app, "counting": load_counting, "broken": load_broken}


def main() -> int:
    logging.basicConfig(level="INFO", format="%(message)s")
    given = json.loads(sys.argv[1])
    loader, stopped = LOADERS[given.pop("app", "plain")], given.pop("stopped", None)
    if "forks" in given:
        refuse_forks(given.pop("forks"), Path(given.pop("remedy")))
    if files := given.pop("files", None):
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    given["trusted_proxies"] = [ip_network(network) for network in given.get("trusted_proxies", [])]
    for name in ("tls_certificate", "tls_key"):
        given[name] = Path(given[name]) if given.get(name) else None
    return serve(
        loader,
        ServeOptions(**given),
        on_ready=lambda: print("ready", flush=True),
        on_stop=lambda _app: Path(stopped, str(os.getpid())).touch() if stopped else None,
    )


if __name__ == "__main__":
    sys.exit(main())
