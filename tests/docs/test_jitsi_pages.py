"""The samples of the pages for Jitsi: `issuer check` has nothing to say about them."""

import re
from pathlib import Path

import pytest

from issuer.app import parts
from issuer.settings.base import Context
from issuer.wiring.configuration import parse
from tests.docs.configurations import application, close, whole
from tests.docs.pages import page

PAGES = [page(f"docs/{name}.md") for name in ("jitsi", "jitsi-guests", "jitsi-jaas", "oidc-jitsi")]
BLOCKS = [
    pytest.param(block, id=f"{one.name}-{number}")
    for one in PAGES
    for number, block in enumerate(one.blocks("toml"))
]
GUESTS = page("docs/jitsi-guests.md")
VARIABLES = re.compile(r"^([A-Z_]+)=(.*)$", re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS)
def test_check_says_nothing(block: str, tmp_path: Path, keys: Path) -> None:
    """Each configuration sample in the new pages is parsed, and `check` says nothing about it."""
    data = whole(block) | {"store": {"url": f"sqlite:///{tmp_path}/issuer.db"}}
    app = application(data, tmp_path, keys)
    house = parts(app)
    assert [*parse(data, Context({}, tmp_path)).warnings, *house.warnings()] == []
    house.store.migrate()
    for check in house.checks():
        if check.offline:
            check.run()
    close(app)


def test_no_way_lets_guests_open_rooms() -> None:
    """It warns that `JICOFO_ENABLE_AUTH=0` with `ENABLE_GUESTS=1` lets guests open rooms."""
    found = [dict(VARIABLES.findall(block)) for block in GUESTS.blocks("sh")]
    ways = [variables for variables in found if "ENABLE_AUTH" in variables]
    assert len(ways) == 4
    for variables in ways:
        plugins = set(variables.get("XMPP_MUC_MODULES", "").split(","))
        asks_nobody = variables.get("JICOFO_ENABLE_AUTH") == "0" and "ENABLE_GUESTS" in variables
        assert not asks_nobody or plugins & {"muc_wait_for_host", "lobby_autostart"}
        assert "JWT_ALLOW_EMPTY" not in variables
        assert "muc_wait_for_host" not in plugins or variables["ENABLE_GUESTS"] == "1"
    assert "**Not together with `muc_wait_for_host`**" in GUESTS.text
