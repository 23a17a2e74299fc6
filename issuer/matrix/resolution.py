"""Where a homeserver is: Server-Server API §Resolving server names, its six steps."""

from dataclasses import dataclass

from issuer.matrix.names import ServerName
from issuer.matrix.services import Services, Target
from issuer.matrix.well_known import Delegations

PORT = 8448


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to connect for a homeserver, and what to ask for."""

    targets: tuple[Target, ...]
    """Hosts (IPv6 without brackets) and ports, in the order to try them."""
    server_name: str
    """What the certificate is for and the Host header says."""


class Resolution:
    """Resolves server names, with what was learnt before."""

    def __init__(self, delegations: Delegations, services: Services) -> None:
        """Ask these."""
        self._delegations = delegations
        self._services = services

    async def destination(self, name: ServerName) -> Destination:
        """Return where a homeserver is; the numbers are those of the specification's steps."""
        if name.is_literal or name.port is not None:  # 1, 2
            return _direct(name)
        delegated = await self._delegations.of(name)  # 3
        if delegated is None:
            return await self._by_service(name)  # 4, 5, 6
        if delegated.is_literal or delegated.port is not None:  # 3.1, 3.2
            return _direct(delegated)
        return await self._by_service(delegated)  # 3.3, 3.4, 3.5

    async def _by_service(self, name: ServerName) -> Destination:
        for service in ("_matrix-fed._tcp", "_matrix._tcp"):
            if targets := await self._services.targets(f"{service}.{name.host}"):
                return Destination(targets, name.text)
        return _direct(name)


def _direct(name: ServerName) -> Destination:
    return Destination(((name.host, name.port or PORT),), name.text)
