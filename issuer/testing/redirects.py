"""The contract of login backends that send the browser elsewhere, as a test class."""

# ruff: noqa: S101 - a contract is made of assertions

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from issuer.backend import Backend, BackendServices, RedirectBackend
from issuer.identity import Identity
from issuer.settings.types import origin
from issuer.testing.backends import NASTY, BackendContract
from issuer.testing.fakes import FakeClock
from issuer.testing.gateway import PUBLIC_URL, LocalGateway, open_gateway

WANTED = "/sessions?from=%2Fhere&x=%C3%BC"


class RedirectContract(BackendContract):
    """What holds for every redirect backend: subclass it as `Test…`, set `type`, and say how to `travel`.

    The backend is tested inside a gateway whose only login backend it is, with the fixture `section`.
    """

    reads_again = False
    knows_everybody = False
    silent: ClassVar[bool] = True
    """Whether it can ask without any page."""

    @pytest.fixture
    def section(self) -> dict[str, Any]:
        """Return the options of `[backends.tested]`."""
        raise NotImplementedError("return the options of the backend in the fixture `section`")

    @pytest.fixture
    def now(self) -> float:
        """Return the time that it is in the gateway."""
        return FakeClock().now()

    def travel(self, url: str) -> str:
        """Do what the upstream does with a browser that comes to `url`; return where it sends it back to.

        With a silent attempt (`prompt=none`) the person is signed in there already.
        """
        raise NotImplementedError("say how the upstream sends a browser back in `travel`")

    def travel_as_nobody(self, url: str) -> str:
        """Do the same for a silent attempt of somebody who is not signed in there."""
        raise NotImplementedError("say how the upstream answers for nobody, or `silent = False`")

    @pytest.fixture
    def gateway(self, section: dict[str, Any], now: float, tmp_path: Path) -> Iterator[LocalGateway]:
        """Return a gateway with the backend."""
        options = {"type": self.type, **section}
        opened = open_gateway(tmp_path, {"backends": {self.instance: options}}, now=now)
        opened.parts.start()
        yield opened
        opened.close()

    @pytest.fixture
    def backend(self, gateway: LocalGateway) -> RedirectBackend:
        """Return the instance in the gateway."""
        found = gateway.parts.backends[self.instance]
        assert isinstance(found, RedirectBackend)
        return found

    @pytest.fixture
    def services(self, gateway: LocalGateway) -> BackendServices:
        """Return the services of the gateway."""
        return gateway.parts.services

    def person(self, backend: Backend) -> Identity:
        """Return who came back, as the session has them."""
        app = self._app
        client = app.client()
        assert self.sign_in(client).status_code == 303
        (session,) = app.parts.store.sessions.of_uid(self.uid)
        assert session.identity.backend == backend.instance
        return session.identity

    @pytest.fixture(autouse=True)
    def _remember_the_gateway(self, gateway: LocalGateway) -> None:
        self._app = gateway

    def leave(self, client: FlaskClient, wanted: str = WANTED, silent: bool = False) -> str:
        """Send a browser away; return where."""
        query = {"next": wanted, **({"silent": "1"} if silent else {})}
        answer = client.get(f"/login/{self.instance}?{urlencode(query)}")
        assert answer.status_code in {302, 303}, answer.text
        return answer.location

    def come_back(self, client: FlaskClient, url: str) -> TestResponse:
        """Let a browser come back."""
        assert url.startswith(PUBLIC_URL), url
        return client.get("/" + url.removeprefix(PUBLIC_URL))

    def sign_in(self, client: FlaskClient) -> TestResponse:
        """Go the whole way."""
        return self.come_back(client, self.travel(self.leave(client)))

    def test_a_trip_signs_in_and_leads_where_it_was_wanted(self, gateway: LocalGateway) -> None:
        """With a session of the person, to the very address."""
        client = gateway.client()
        answer = self.sign_in(client)
        assert (answer.status_code, answer.location) == (303, WANTED)
        assert client.get("/sessions").status_code == 200

    def test_it_leads_only_to_its_destinations(self, gateway: LocalGateway, backend: RedirectBackend) -> None:
        """No browser is sent to a host that is not configured, and forms may lead there."""
        location = self.leave(gateway.client())
        assert origin(location) in {origin(url) for url in backend.destinations()}
        assert origin(location) in gateway.client().get("/login?page=1").headers["Content-Security-Policy"]

    def test_a_trick_leads_no_further_than_our_own_host(self, gateway: LocalGateway) -> None:
        """Whatever a stranger writes where the way back belongs."""
        for trick in ("//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"):
            client = gateway.client()
            answer = self.come_back(client, self.travel(self.leave(client, trick)))
            assert answer.location == "/"

    def test_the_way_back_is_bound_to_the_browser(self, gateway: LocalGateway) -> None:
        """Nobody is signed in as somebody else by a link (RFC 6749 §10.12)."""
        url = self.travel(self.leave(gateway.client()))
        other = gateway.client()
        self.assert_refused(gateway, self.come_back(other, url))
        self.leave(other)
        self.assert_refused(gateway, self.come_back(other, url))

    def test_the_way_back_is_gone_once(self, gateway: LocalGateway) -> None:
        """A second time it leads nowhere, in the same browser either."""
        client = gateway.client()
        url = self.travel(self.leave(client))
        assert self.come_back(client, url).status_code == 303
        client.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
        self.assert_refused(gateway, self.come_back(client, url))

    def test_strange_ways_back_sign_nobody_in(self, gateway: LocalGateway) -> None:
        """No text breaks anything: with what belongs there changed, left out, or twice."""
        client = gateway.client()
        url = urlsplit(self.travel(self.leave(client)))
        names = [pair.partition("=")[0] for pair in url.query.split("&")]
        for text in (*NASTY[:3], *NASTY[5:]):
            query = urlencode({name: text.encode("utf-8", "surrogatepass")[:4000] for name in names})
            self.assert_refused(gateway, client.get(f"{url.path}?{query}"))
        for query in ("", "code=x", "error=access_denied", "state=x", f"{url.query}&{url.query}"):
            self.assert_refused(gateway, client.get(f"{url.path}?{query}"))

    def assert_refused(self, gateway: LocalGateway, answer: TestResponse) -> None:
        """Nobody is signed in, and the person reads a page that says so."""
        assert 400 <= answer.status_code < 500, answer.status
        assert "issuer_session" not in "".join(answer.headers.getlist("Set-Cookie"))
        assert gateway.parts.store.sessions.all() == []

    def test_a_silent_attempt_shows_no_page_when_the_person_is_known(self, gateway: LocalGateway) -> None:
        """`prompt=none`, OIDC Core §3.1.2.1."""
        if self.silent:
            client = gateway.client()
            answer = self.come_back(client, self.travel(self.leave(client, silent=True)))
            assert (answer.status_code, answer.location) == (303, WANTED)

    def test_a_silent_attempt_of_nobody_leads_to_the_page(self, gateway: LocalGateway) -> None:
        """And is not made again by itself."""
        if self.silent:
            client = gateway.client()
            url = self.travel_as_nobody(self.leave(client, silent=True))
            answer = self.come_back(client, url)
            assert (answer.status_code, urlsplit(answer.location).path) == (303, "/login")
            assert client.get(answer.location).status_code == 200

    def test_a_sign_out_leads_only_to_its_destinations(
        self, gateway: LocalGateway, backend: RedirectBackend
    ) -> None:
        """Or stays here."""
        client = gateway.client()
        self.sign_in(client)
        answer = client.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
        known = {origin(url) for url in backend.destinations()}
        assert answer.location == "/logout" or origin(answer.location) in known
        assert gateway.parts.store.sessions.all() == []
