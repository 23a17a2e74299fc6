"""The routes of redirect backends: away from here, and back.

Below `/login/<instance>`: the way out, `/callback`, and what the backend has besides.
"""

from collections.abc import Callable, Iterable

from flask import Blueprint, after_this_request, redirect, request
from flask.typing import ResponseReturnValue

from issuer.authentication.current_session import CurrentSession
from issuer.authentication.flow import LoginFlow, SignInCompletion, safe_return_to
from issuer.authentication.identities.resolver import IdentityResolver
from issuer.authentication.methods.offer import MethodOffers
from issuer.authentication.sessions import UpstreamSignIn
from issuer.backend import Backend, Departure, RedirectBackend
from issuer.errors import ForbiddenError, GatewayError
from issuer.web.cookies import Cookies
from issuer.web.urls import local


class RedirectSignIn:
    """Sends browsers to other servers to sign in, and takes them back."""

    def __init__(
        self,
        current: CurrentSession,
        cookies: Cookies,
        offers: MethodOffers,
        resolver: IdentityResolver,
        completion: SignInCompletion,
    ) -> None:
        self._current = current
        self._cookies = cookies
        self._offers = offers
        self._resolver = resolver
        self._completion = completion

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
            flow = LoginFlow.leading_to(request.args.get("next"))
            required = flow.requirements
            offer = self._offers.offer(flow.return_to, self._current.address(), required.level)
            if backend not in offer.redirects:
                raise ForbiddenError(f"backends.{backend.instance} is not offered to this browser")
            silent = request.args.get("silent") == "1" and not required.query()
            return backend.begin(Departure(flow.next_address, silent, required.level or None, required.since))

        return begin

    def _complete(self, backend: RedirectBackend) -> Callable[[], ResponseReturnValue]:
        def complete() -> ResponseReturnValue:
            try:
                arrival = backend.complete()
                identity = self._resolver.resolve(arrival.identity) if arrival.identity else None
            except GatewayError:
                after_this_request(self._cookies.forget_way)  # nobody is sent there again without asking
                raise
            if identity is None:
                back = local("/login", next=safe_return_to(arrival.wanted), page="1")
                return self._cookies.forget_way(redirect(back, 303))
            upstream = UpstreamSignIn(arrival.sid, arrival.expires_at, arrival.auth_time)
            answer = self._completion.complete(identity, arrival.wanted, upstream)
            self._cookies.set_way(answer, backend.instance)
            return answer

        return complete
