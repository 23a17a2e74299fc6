"""The home: who you are, your services, and the calls that you joined lately."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from issuer.authentication.current_session import CurrentSession
from issuer.module import Module, Tile
from issuer.store import Issuances, RoomUse, Session
from issuer.web.headers import let_forms_lead_to

MOST_CALLS = 5


@dataclass(frozen=True, slots=True)
class CallLine:
    """A room as the page lists it."""

    room: str
    service: str
    at: datetime
    href: str | None
    """Where one joins again."""


class HomePage:
    """Asks the modules, and the record of issuances."""

    def __init__(
        self,
        current: CurrentSession,
        issuances: Issuances,
        modules: Iterable[Module],
        elsewhere: Iterable[str],
    ) -> None:
        """Keep what is asked; `elsewhere` are base URLs to which every page may lead."""
        self._current = current
        self._elsewhere = tuple(elsewhere)
        self._issuances = issuances
        self._modules = tuple(modules)

    def blueprint(self) -> Blueprint:
        """Return `/`."""
        routes = Blueprint("home", __name__)
        routes.add_url_rule("/", "show", self.show)
        return routes

    def show(self) -> ResponseReturnValue:
        """Show the page."""
        session = self._current.require_for_page()
        tiles, calls = self._tiles(session), self._calls(session)
        let_forms_lead_to({*self._elsewhere, *self._of_forms(session)})
        return render_template("home.html", groups=session.identity.groups, tiles=tiles, calls=calls)

    def _tiles(self, session: Session) -> list[Tile]:
        return [tile for module in self._modules for tile in module.tiles(session)]

    def _of_forms(self, session: Session) -> Iterable[str]:
        """Return where the forms on the page lead."""
        for module in self._modules:
            if any(tile.form for tile in module.tiles(session)):
                yield from module.destinations()

    def _calls(self, session: Session) -> list[CallLine]:
        """Return the rooms of somebody's last tokens, the latest first, each once."""
        return [self._line(use) for use in self._issuances.rooms_of(session.identity, MOST_CALLS)]

    def _line(self, use: RoomUse) -> CallLine:
        """Return a line; a room of an instance that is gone has no link."""
        module = next((one for one in self._modules if one.gateway.instance == use.instance), None)
        return CallLine(
            room=f"{use.tenant}/{use.room}" if use.tenant else use.room,
            service=module.title if module else use.instance,
            at=datetime.fromtimestamp(use.last, UTC),
            href=module.room_path(use.room, use.tenant) if module else None,
        )
