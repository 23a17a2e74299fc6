from tests.upstream.fixtures import authority

__all__ = ["authority"]
