"""Name servers for tests: what the system's resolver answers, and a server for SRV records."""

import socket
import threading
from collections import Counter
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset


class Addresses:
    """Answers as `socket.getaddrinfo` does; a port of a name can lead to another one: tests have no 443."""

    def __init__(self) -> None:
        self._known: dict[str, list[str]] = {}
        self._ports: dict[tuple[str, int], int] = {}
        self.asked: Counter[str] = Counter()

    def add(self, name: str, *addresses: str, ports: dict[int, int] | None = None) -> None:
        """Let a name have addresses; called again, the next answer has the new ones."""
        self._known[name] = list(addresses)
        for port, other in (ports or {}).items():
            self._ports[name, port] = other

    def lookup(self, name: str, port: int, *_: Any) -> list[tuple[Any, ...]]:
        name = name.lower()
        self.asked[name] += 1
        if name not in self._known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [self._info(name, address, port) for address in self._answer(name)]

    def _answer(self, name: str) -> list[str]:
        return self._known[name]

    def _info(self, name: str, address: str, port: int) -> tuple[Any, ...]:
        port = self._ports.get((name, port), port)
        if ":" not in address:
            return socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)
        address, _, scope = address.partition("%")
        return socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, int(scope or "0"))


class Changing(Addresses):
    """Every answer is another one: the first address of the list, then the second, and so on around."""

    def _answer(self, name: str) -> list[str]:
        addresses = self._known[name]
        return [addresses[(self.asked[name] - 1) % len(addresses)]]


class NameServer:
    """A DNS server on a loopback UDP port; `records` maps a name to the lines of its SRV records."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}
        self.ttl = 300
        self.fails = False
        self.asked: Counter[str] = Counter()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def resolver(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._socket.getsockname()[1]
        return resolver

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while True:
            wire, sender = self._socket.recvfrom(4096)
            if not wire:
                return
            self._socket.sendto(self._answer(dns.message.from_wire(wire)).to_wire(), sender)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        name = query.question[0].name
        text = name.to_text(omit_final_dot=True)
        self.asked[text] += 1
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if self.fails:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif text in self.records:
            response.answer.append(dns.rrset.from_text(name, self.ttl, "IN", "SRV", *self.records[text]))
        else:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response
