"""The whole application in this process (`issuer.testing`), with keys and a database made once and copied.

Every test may ask for the fixture `build_gateway`:

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

from issuer.keys import generate
from issuer.module import Module
from issuer.settings.models import Settings
from issuer.store import Store
from issuer.testing import PUBLIC_URL, VISITOR, FakeClock, LocalGateway, open_gateway
from issuer.wiring.plugins import MODULES, known, load
from issuer.wiring.services import key_retention

__all__ = ["PUBLIC_URL", "VISITOR", "BuildGateway", "LocalGateway", "build_gateway", "gateway_templates"]

KEY_USES = ("jitsi", "oidc")

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
    tables = [found for name in known(MODULES) if (found := load(MODULES, name, Module).tables())]
    store = Store.open(f"sqlite:///{folder / 'issuer.db'}", FakeClock(), tables=tables)
    store.migrate()
    store.close()
    return Templates(folder / "keys", folder / "issuer.db")


@pytest.fixture
def build_gateway(tmp_path: Path, gateway_templates: Templates) -> Iterator[BuildGateway]:
    """Builds applications: `build_gateway(data, users={"dwho": ("users",)}, environ={}, keys=("jitsi",))`.

    `data` is the configuration file as a dictionary; what a test does not care for has a value already.
    `keys` are the uses of the keys that there are: each costs time to read.
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
        gateway = open_gateway(folder, data, environ)
        built.append(gateway)
        for uid, groups in (users or {}).items():
            gateway.add_user(uid, groups, cn=uid.title(), mail=f"{uid}@example.com")
        return gateway

    yield build
    for gateway in built:
        gateway.close()
