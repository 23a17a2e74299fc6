"""The whole application in this process, on a store and keys of its own.

gateway = open_gateway(tmp_path, {"modules": {"jitsi": {...}}}, key_uses=["jitsi"])
gateway.add_user("dwho", groups=("users",), cn="The Doctor")
client = gateway.sign_in("dwho")
answer = client.get("/jitsi/login?room=x")
gateway.close()
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from issuer.app import Parts, World, create_app, parts
from issuer.authentication.sessions import Visitor
from issuer.backends.local import LocalBackend, LocalUsers, identity_of
from issuer.identity import Attribute, Identity
from issuer.keys import list_keys
from issuer.observability.metrics import Metrics, NoMetrics
from issuer.settings.base import Context
from issuer.testing.fakes import FakeClock
from issuer.testing.templates import put_key, put_store
from issuer.web.cookies import Cookies
from issuer.wiring.configuration import Configuration, parse
from issuer.wiring.services import key_retention
from issuer.world import SystemRandomness

PUBLIC_URL = "https://auth.example.com/"
VISITOR = Visitor("192.0.2.7", "tests")


@dataclass
class LocalGateway:
    """An application, and what a test does with it. The clock stands still (`gateway.clock.advance(60)`)."""

    app: Flask
    clock: FakeClock

    @property
    def parts(self) -> Parts:
        """Return what the application is made of."""
        return parts(self.app)

    def add_user(self, uid: str, groups: tuple[str, ...] = (), **attributes: Attribute) -> None:
        """Add a local user, whose password is the uid."""
        backends = self.parts.backends.items()
        local = [name for name, backend in backends if isinstance(backend, LocalBackend)] or ["local"]
        LocalUsers(self.parts.services, local, shortest_password=1).add(uid, uid, attributes, groups)

    def client(self) -> FlaskClient:
        """Return a browser that is not signed in, and follows no redirect."""
        return self.app.test_client()

    def sign_in(self, uid: str) -> FlaskClient:
        """Return a browser with a session of a user, without the cost of the form and the password."""
        user = self.parts.store.users.by_uid(uid)
        if user is None:
            raise LookupError(uid)
        return self.sign_in_as(replace(identity_of(user), proof=""))

    def sign_in_as(self, identity: Identity) -> FlaskClient:
        """Return a browser with a session of anybody, as another backend might know them."""
        session_id = self.parts.sessions.start(identity, VISITOR)
        client = self.client()
        client.set_cookie(Cookies(self.parts.settings).session_name, session_id)
        return client

    def send_form(self, client: FlaskClient, uid: str, wanted: str = "/") -> TestResponse:
        """Send the sign-in form as our own page does."""
        data = {"login": uid, "password": uid, "next": wanted}
        return client.post("/login", data=data, headers={"Sec-Fetch-Site": "same-origin"})

    def close(self) -> None:
        """Close what the application has open."""
        self.parts.stop()


def open_gateway(
    folder: Path,
    data: Mapping[str, Any],
    environ: Mapping[str, str] | None = None,
    key_uses: Iterable[str] = (),
    metrics: Metrics | None = None,
    now: float | None = None,
) -> LocalGateway:
    """Build an application whose data is in a folder; what is missing there is made.

    Args:
        folder: where the store and the keys are.
        data: the configuration file as a dictionary; `public_url` has a value already.
        environ: environment variables that the configuration names.
        key_uses: uses for which there shall be an RSA key, as in "jitsi".
        metrics: what counts.
        now: the time that it is there.

    Raises:
        issuer.settings.problems.ConfigError: the configuration cannot be used.
    """
    clock = FakeClock() if now is None else FakeClock(now)
    configuration = parse({"public_url": PUBLIC_URL, **data}, Context(environ or {}, folder))
    settings = configuration.settings
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    missing = set(key_uses) - {key.use for key in list_keys(settings.keys.directory)}
    for use in sorted(missing):
        put_key(settings.keys.directory, use, clock.now(), key_retention(settings))
    _put_store(configuration)
    app = create_app(configuration, World(clock, SystemRandomness(), metrics or NoMetrics()))
    parts(app).store.migrate()
    return LocalGateway(app, clock)


def _put_store(configuration: Configuration) -> None:
    if configuration.settings.store.url is None:
        kinds = {instance.plugin for instance in configuration.modules if instance.settings.enabled}
        tables = [found for kind in kinds if (found := kind.tables())]
        put_store(configuration.settings.data_dir / "issuer.db", *sorted(tables, key=attrgetter("name")))
