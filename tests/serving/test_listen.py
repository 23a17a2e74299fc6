"""Which addresses a bind means."""

import errno
import socket

import pytest

from issuer.serving.listen import INHERITED, close_all, open_listeners
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


def test_connections_have_the_options_of_their_listener() -> None:
    (listener,) = open_listeners("127.0.0.1:0", 1)
    with listener, socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        found = {option: accepted.getsockopt(socket.IPPROTO_TCP, option) for option in INHERITED}
        assert found == INHERITED


def test_a_peer_who_never_reads_is_ended_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(INHERITED, socket.TCP_USER_TIMEOUT, 500)
    (listener,) = open_listeners("127.0.0.1:0", 1)
    with listener, socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        accepted.settimeout(10.0)
        with pytest.raises(OSError, match="timed out") as caught:
            accepted.sendall(bytes(64 * 1024 * 1024))
        assert caught.value.errno == errno.ETIMEDOUT
