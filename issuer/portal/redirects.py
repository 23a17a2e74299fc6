"""The routes of redirect backends: away from here, and back.

Below `/login/<instance>`: the way out, `/callback`, and what the backend has besides.
"""

from collections.abc import Callable, Iterable

from flask import Blueprint, after_this_request, redirect, request
from flask.typing import ResponseReturnValue

from issuer.admission import Admission
from issuer.backend import Backend, Departure, RedirectBackend
from issuer.errors import ForbiddenError, GatewayError
from issuer.portal.choices import Choices
from issuer.portal.cookies import Cookies
from issuer.portal.current import Current
from issuer.portal.entrance import Entrance, Entry
from issuer.portal.urls import local, safe_next, wish_of
from issuer.sessions import Upstream


class Redirects:
    """Sends browsers to other servers to sign in, and takes them back."""

    def __init__(
        self, current: Current, cookies: Cookies, choices: Choices, admission: Admission, entrance: Entrance
    ) -> None:
        """Keep what the way back needs."""
        self._current = current
        self._cookies = cookies
        self._choices = choices
        self._admission = admission
        self._entrance = entrance

    def blueprint(self, backends: Iterable[Backend]) -> Blueprint:
        """Return the routes of all redirect backends."""
        routes = Blueprint("redirects", __name__, url_prefix="/login")
        for backend in backends:
            if isinstance(backend, RedirectBackend):
                self._add(routes, backend)
        return routes

    def _add(self, routes: Blueprint, backend: RedirectBackend) -> None:
        path, add = f"/{backend.instance}", routes.add_url_rule
        add(path, f"{backend.instance}_begin", self._begin(backend))
        add(f"{path}/callback", f"{backend.instance}_callback", self._complete(backend))
        for number, (method, rest, view) in enumerate(backend.routes()):
            add(
                path + rest,
                f"{backend.instance}_{number}",
                view,
                methods=[method],
                provide_automatic_options=False,
            )

    def _begin(self, backend: RedirectBackend) -> Callable[[], ResponseReturnValue]:
        def begin() -> ResponseReturnValue:
            goal = safe_next(request.args.get("next"))
            wish = wish_of(goal)
            offer = self._choices.offer(wish.wanted, self._current.address(), wish.level)
            if backend not in offer.redirects:
                raise ForbiddenError(f"backends.{backend.instance} is not offered to this browser")
            silent = request.args.get("silent") == "1" and not wish.demands
            return backend.begin(Departure(goal, silent, wish.level or None, wish.since))

        return begin

    def _complete(self, backend: RedirectBackend) -> Callable[[], ResponseReturnValue]:
        def complete() -> ResponseReturnValue:
            try:
                arrival = backend.complete()
                identity = self._admission.admit(arrival.identity) if arrival.identity else None
            except GatewayError:
                after_this_request(self._cookies.forget_way)  # nobody is sent there again without asking
                raise
            if identity is None:
                back = local("/login", next=safe_next(arrival.wanted), page="1")
                return self._cookies.forget_way(redirect(back, 303))
            upstream = Upstream(arrival.sid, arrival.expires_at, arrival.auth_time)
            answer = self._entrance.enter(Entry(identity, arrival.wanted, upstream))
            self._cookies.set_way(answer, backend.instance)
            return answer

        return complete
