"""Fixtures of `tests.upstream.fixtures`."""

from tests.upstream.fixtures import addresses, authority, build_stub, build_upstream, connects, name_server

__all__ = ["addresses", "authority", "build_stub", "build_upstream", "connects", "name_server"]
