"""Fixtures of everything that asks homeservers."""

import socket

import pytest

from tests.matrix.homes import World
from tests.upstream.fixtures import (
    BuildUpstream,
    addresses,
    build_stub,
    build_upstream,
    connects,
    name_server,
)
from tests.upstream.names import Addresses, NameServer

__all__ = ["addresses", "build_stub", "build_upstream", "connects", "name_server", "world"]


@pytest.fixture
def world(build_upstream: BuildUpstream, addresses: Addresses, name_server: NameServer) -> World:
    """Loopback is not refused, timeouts are short."""
    return World(build_upstream(allow_private_networks=True), addresses, name_server)


@pytest.fixture
def guarded(build_upstream: BuildUpstream, addresses: Addresses, name_server: NameServer) -> World:
    """As it is without any option: loopback is refused."""
    return World(build_upstream(), addresses, name_server)


@pytest.fixture
def all_private(build_upstream: BuildUpstream, addresses: Addresses, name_server: NameServer) -> World:
    """The same, where every name leads to loopback."""

    def lookup(_: str, port: int, *__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    return World(build_upstream(lookup=lookup), addresses, name_server)
