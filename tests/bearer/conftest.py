"""Fixtures of everything that calls other servers."""

from tests.upstream.fixtures import addresses, authority, build_stub, build_upstream

__all__ = ["addresses", "authority", "build_stub", "build_upstream"]
