"""Which addresses a bind means."""

import socket

import pytest

from issuer.serving.listen import close_all, open_listeners
from issuer.serving.options import StartError


def connects(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        return probe.connect_ex((host, port)) == 0


@pytest.mark.parametrize(("bind", "hosts"), [("", ["127.0.0.1", "::1"]), ("[::]", ["127.0.0.1", "::1"])])
def test_no_host_means_every_address(bind: str, hosts: list[str]) -> None:
    assert socket.has_dualstack_ipv6()
    listeners = open_listeners(f"{bind}:0", 1)
    try:
        port = listeners[0].getsockname()[1]
        assert all(connects(host, port) for host in hosts)
        with pytest.raises(StartError, match="in use"):
            open_listeners(f"{bind}:{port}", 1)
        with pytest.raises(StartError, match="in use"):
            open_listeners(f"127.0.0.1:{port}", 1)
    finally:
        close_all(listeners)


def test_one_address_is_one_address() -> None:
    listeners = open_listeners("127.0.0.1:0", 1)
    try:
        assert not connects("::1", listeners[0].getsockname()[1])
    finally:
        close_all(listeners)
