"""Fixtures of what is built and installed."""

from tests.wheel import wheel

__all__ = ["wheel"]
