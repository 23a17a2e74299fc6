"""Fixtures of `tests.upstream.fixtures`."""

from tests.upstream.fixtures import addresses, build_stub, build_upstream, connects, name_server

__all__ = ["addresses", "build_stub", "build_upstream", "connects", "name_server"]
