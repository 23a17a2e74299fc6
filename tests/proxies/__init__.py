"""Debian's reverse proxies before the gateway, each started by the tests that need it."""
