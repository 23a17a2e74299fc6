"""The whole application in this process, on a store and keys of its own.

Import the fixtures `build_gateway` and `gateway_templates` in a conftest:

    gateway = build_gateway({"modules": {"jitsi": {...}}})
    gateway.add_user("dwho", groups=("users",), cn="The Doctor")
    client = gateway.sign_in("dwho")
    answer = client.get("/jitsi/login?room=x")

The clock stands still (`gateway.clock.advance(60)`). A user's password is the uid.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from issuer.app import Parts, World, create_app, key_retention, parts
from issuer.backends.local import LocalUsers, identity_of
from issuer.identity import Attribute, Identity
from issuer.keys import generate
from issuer.portal.cookies import Cookies
from issuer.sessions import Visitor
from issuer.settings.base import Context
from issuer.settings.load import parse
from issuer.settings.models import Settings
from issuer.store import Store
from issuer.world import SystemRandomness
from tests.fakes import FakeClock

PUBLIC_URL = "https://auth.example.com/"
VISITOR = Visitor("192.0.2.7", "tests")
KEY_USES = ("jitsi", "oidc")


@dataclass
class LocalGateway:
    """An application, and what a test does with it."""

    app: Flask
    clock: FakeClock

    @property
    def parts(self) -> Parts:
        return parts(self.app)

    def add_user(self, uid: str, groups: tuple[str, ...] = (), **attributes: Attribute) -> None:
        LocalUsers(self.parts.services, shortest_password=1).add(uid, uid, attributes, groups)

    def client(self) -> FlaskClient:
        """Return a browser that is not signed in, and follows no redirect."""
        return self.app.test_client()

    def sign_in(self, uid: str) -> FlaskClient:
        """Return a browser with a session of a user, without the cost of the form and the password."""
        user = self.parts.store.users.by_uid(uid)
        assert user
        return self.sign_in_as(identity_of(user))

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


BuildGateway = Callable[..., LocalGateway]


@dataclass(frozen=True)
class Templates:
    """Made once and copied: making keys and migrating a database take their time."""

    keys: Path
    database: Path


@pytest.fixture(scope="session")
def gateway_templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    folder = tmp_path_factory.mktemp("gateway")
    retention = key_retention(Settings(public_url=PUBLIC_URL))
    for use in KEY_USES:
        generate(folder / "keys" / use, use=use, kind="rsa-2048", clock=FakeClock(), retention=retention)
    store = Store.open(f"sqlite:///{folder / 'issuer.db'}", FakeClock())
    store.migrate()
    store.close()
    return Templates(folder / "keys", folder / "issuer.db")


@pytest.fixture
def build_gateway(tmp_path: Path, gateway_templates: Templates) -> Iterator[BuildGateway]:
    """Builds applications: `build_gateway(data, users={"dwho": ("users",)}, environ={}, keys=("jitsi",))`.

    `data` is the configuration file as a dictionary; what a test does not care for has a value already. `keys`
    are the uses of the keys that there are: each costs time to read.
    """
    built: list[LocalGateway] = []

    def build(
        data: Mapping[str, Any],
        users: Mapping[str, tuple[str, ...]] | None = None,
        environ: Mapping[str, str] | None = None,
        keys: tuple[str, ...] = ("jitsi",),
    ) -> LocalGateway:
        folder = tmp_path / f"gateway{len(built)}"
        folder.mkdir()
        for use in keys:
            shutil.copytree(gateway_templates.keys / use, folder / "keys", dirs_exist_ok=True)
        (folder / "data").mkdir()
        shutil.copy(gateway_templates.database, folder / "data/issuer.db")
        gateway = _build({"public_url": PUBLIC_URL, **data}, Context(environ or {}, folder))
        built.append(gateway)
        for uid, groups in (users or {}).items():
            gateway.add_user(uid, groups, cn=uid.title(), mail=f"{uid}@example.com")
        return gateway

    yield build
    for gateway in built:
        gateway.parts.stop()


def _build(data: dict[str, Any], context: Context) -> LocalGateway:
    clock = FakeClock()
    app = create_app(parse(data, context), World(clock, SystemRandomness()))
    return LocalGateway(app, clock)
