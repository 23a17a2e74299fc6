"""A proxy in front of PostgreSQL that swallows, delays or cuts at the COMMIT of one transaction.

It reads what clients send (PostgreSQL's frontend protocol, version 3), so it knows which transaction it is.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pytest

from tests.postgresql import PostgreSQL

PATIENCE = 60.0
SOCKET = ".s.PGSQL.5432"
DELAY = 0.5
CHUNK = 65536


class Fault(StrEnum):
    """What happens to a transaction."""

    CUT_BEFORE = "cut before COMMIT"
    """The connection ends at the statement that was named."""
    CUT_AT = "cut at COMMIT"
    """The COMMIT is sent, and never arrives."""
    DELAYED = "COMMIT delayed"
    """The client is cut off at once, and the COMMIT arrives later."""
    LOST = "COMMIT's answer lost"
    """The COMMIT arrives, and its answer is swallowed."""


@dataclass
class Trap:
    """Waits for a transaction with certain words in it."""

    words: str
    fault: Fault
    then: Callable[[], None]
    """Called when it has struck, before the client notices."""
    struck: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Passes everything on, but for the transactions that it has a trap for."""

    def __init__(self, directory: Path) -> None:
        """Stand in front of the server whose socket is in a directory."""
        self._server = str(directory / SOCKET)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._trap: Trap | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, database: str) -> str:
        """Return the URL of a database behind this proxy."""
        port = self._listener.getsockname()[1]
        return f"postgresql://issuer@127.0.0.1:{port}/{database}?sslmode=disable&gssencmode=disable"

    def trap(self, words: str, fault: Fault, then: Callable[[], None] = lambda: None) -> Trap:
        """Let the next transaction in which these words are (in their case) meet a fault."""
        self._trap = Trap(words, fault, then)
        return self._trap

    def taken(self, text: str, faults: set[Fault]) -> Trap | None:
        """Return the trap when it is for this text and one of these faults; it strikes once."""
        with self._lock:
            trap = self._trap
            if trap is None or trap.words not in text or trap.fault not in faults:
                return None
            self._trap = None
            return trap

    def close(self) -> None:
        """Stop listening, and cut every connection."""
        cut(self._listener)
        for end in list(self._open):
            cut(end)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._server)
            except OSError:  # it is being restarted
                server.close()
                cut(client)
                continue
            self._open |= {client, server}
            Wire(self, client, server).start()


class Wire:
    """One connection."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._swallow: Callable[[], None] | None = None
        self._prepared: dict[bytes, str] = {}
        self._text = ""
        """What the transaction in hand has said so far."""

    def start(self) -> None:
        """Pass on, in threads."""
        threading.Thread(target=self._forth, daemon=True).start()
        threading.Thread(target=self._back, daemon=True).start()

    def _forth(self) -> None:
        with contextlib.suppress(OSError):
            (length,) = (int.from_bytes(head := self._read(4)),)
            self._server.sendall(head + self._read(length - 4))
            while True:
                head = self._read(5)
                body = self._read(int.from_bytes(head[1:]) - 4)
                if not self._passes(head[:1], body):
                    return
                self._server.sendall(head + body)
        self._cut()

    def _read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            more = self._client.recv(count - len(found))
            if not more:
                raise OSError("the client has gone")
            found += more
        return found

    def _said(self, kind: bytes, body: bytes) -> str:
        """Return the SQL of a message: of a query, of what is prepared, of what was."""
        match kind:
            case b"Q":
                return body.rstrip(b"\0").decode()
            case b"P":
                name, sql, _ = body.split(b"\0", 2)
                self._prepared[name] = sql.decode()
                return sql.decode()
            case b"B":
                return self._prepared.get(body.split(b"\0", 2)[1], "")
        return ""

    def _passes(self, kind: bytes, body: bytes) -> bool:
        """Tell whether a message is passed on, and the connection goes on."""
        said = self._said(kind, body)
        self._text = said if said.startswith("BEGIN") else self._text + said
        if not said.endswith("COMMIT") or said.startswith("BEGIN"):
            if trap := self._proxy.taken(self._text, {Fault.CUT_BEFORE}):
                self._strike(trap, self._cut)
            return trap is None
        trap = self._proxy.taken(self._text, {Fault.CUT_AT, Fault.DELAYED, Fault.LOST})
        if trap is None:
            return True
        match trap.fault:
            case Fault.CUT_AT:
                self._strike(trap, self._cut)
                return False
            case Fault.DELAYED:
                self._strike(trap, lambda: cut(self._client))
                time.sleep(DELAY)
                self._server.sendall(message(kind, body))
                return False
        self._swallow = lambda: self._strike(trap, self._cut)
        return True

    def _strike(self, trap: Trap, end: Callable[[], None]) -> None:
        trap.then()
        end()
        trap.struck.set()

    def _back(self) -> None:
        with contextlib.suppress(OSError):
            while answer := self._server.recv(CHUNK):
                if self._swallow:
                    self._swallow()
                    return
                self._client.sendall(answer)
        self._cut()

    def _cut(self) -> None:
        cut(self._client)
        cut(self._server)


@pytest.fixture
def proxy(postgresql: PostgreSQL) -> Iterator[Proxy]:
    """A proxy in front of the server of all tests."""
    with contextlib.closing(Proxy(postgresql.directory)) as proxy:
        yield proxy


def message(kind: bytes, body: bytes) -> bytes:
    """Return a message as it is sent."""
    return kind + (len(body) + 4).to_bytes(4) + body


def cut(end: socket.socket) -> None:
    """End a connection, whoever reads or writes there."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
