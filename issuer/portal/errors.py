"""The one error handler: what the client reads is the class's text, what the log says is the instance's."""

import logging
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from issuer.authentication.current_session import READING, SignInRequiredError
from issuer.authentication.login_page import LoginPage
from issuer.errors import (
    BadRequestError,
    GatewayError,
    NotFoundError,
    Refusal,
    StepUpRequiredError,
    TooLargeError,
)
from issuer.module import Module
from issuer.web.bounds import LONGEST_LOGGED
from issuer.world import Randomness

PLAIN = "text/plain; charset=utf-8"
OURS: dict[int, type[GatewayError]] = {404: NotFoundError, 413: TooLargeError}

_log = logging.getLogger(__name__)


class ErrorHandler:
    """Turns every exception into an answer; on a module's paths the module may have one of its own."""

    def __init__(
        self, randomness: Randomness, login_page: LoginPage | None = None, modules: Collection[Module] = ()
    ) -> None:
        """Keep where error ids come from, how browsers are sent to sign in, and who else may answer."""
        self._randomness = randomness
        self._login_page = login_page
        self._modules = modules

    def register(self, app: Flask) -> None:
        """Handle our errors, HTTP errors, and everything unknown."""
        if self._login_page is not None:
            app.register_error_handler(SignInRequiredError, self._sent(self._login_page.required))
            app.register_error_handler(StepUpRequiredError, self._sent(self._login_page.step_up))
        app.register_error_handler(GatewayError, self.known)
        app.register_error_handler(HTTPException, self.http)
        app.register_error_handler(Exception, self.unknown)

    def _sent(self, send: Callable[[Any], ResponseReturnValue]) -> Callable[[Any], ResponseReturnValue]:
        """Send the browser to sign in; who is no browser that can come back reads the error itself."""

        def sent(error: GatewayError) -> ResponseReturnValue:
            if isinstance(error, StepUpRequiredError) and request.method not in READING:
                return self.known(error)
            try:
                return send(error)
            except GatewayError as other:
                return self.known(other)

        return sent

    def known(self, error: GatewayError) -> ResponseReturnValue:
        """Answer with one of our own errors."""
        level = logging.WARNING if error.is_operators else logging.INFO
        _log.log(level, "%s %s: %s: %s", request.method, _path(), error.code, error)
        told = self._of_module(Refusal(error.status, error, error.headers))
        return _answer(error) if told is None else told

    def http(self, error: HTTPException) -> ResponseReturnValue:
        """Answer with an error of the framework, in our words."""
        status = error.code or 500
        if status < 400:
            return error
        headers = {k: v for k, v in error.get_headers() if k in {"Allow", "Retry-After"}}
        told = self._of_module(Refusal(status, None, headers))
        if told is not None:
            return told
        if status in OURS:
            return _answer(OURS[status]())
        if error.response is not None:
            return error.response
        texts = GatewayError if status >= 500 else BadRequestError
        code = (error.name or texts.code).lower().replace(" ", "_")
        return _page(status, code, texts.description, texts.remedy), status, headers

    def unknown(self, error: Exception) -> ResponseReturnValue:
        """Answer with a fixed text and an id that is in the log too."""
        error_id = self._randomness.bytes(6).hex()
        _log.error("error %s at %s %s", error_id, request.method, _path(), exc_info=error)
        try:
            told = self._of_module(Refusal(500, None, {}, error_id))
            if told is not None:
                return told
            page = _page(500, GatewayError.code, GatewayError.description, GatewayError.remedy, error_id)
        except Exception:
            _log.exception("error %s: its page failed too", error_id)
            return Response(f"Something went wrong here ({error_id}).\n", 500, content_type=PLAIN)
        return page, 500

    def _of_module(self, refusal: Refusal) -> ResponseReturnValue | None:
        owner = next((module for module in self._modules if module.owns(request.path)), None)
        return owner.refusal(refusal) if owner else None


def _path() -> str:
    """Return the path as it was sent, as far as anybody reads it."""
    return quote(request.path[:LONGEST_LOGGED])


def _answer(error: GatewayError) -> ResponseReturnValue:
    return _page(error.status, error.code, error.description, error.remedy), error.status, error.headers


def _page(
    status: int, code: str, description: object, remedy: object, error_id: str | None = None
) -> Response | str:
    accepted = request.accept_mimetypes
    if accepted["application/json"] > accepted["text/html"]:
        body = {"error": code, "error_description": str(description), "error_id": error_id}
        return jsonify({name: value for name, value in body.items() if value})
    return render_template(
        "error.html",
        status=status,
        title=description,
        description=None,
        remedy=remedy,
        error_id=error_id,
        home_link=True,
    )
