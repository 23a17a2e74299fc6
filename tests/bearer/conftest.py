"""Fixtures of everything that calls other servers."""

from tests.upstream.fixtures import addresses, build_stub, build_upstream

__all__ = ["addresses", "build_stub", "build_upstream"]
