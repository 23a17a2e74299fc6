"""A server that takes connections and is silent, or says one thing."""

import socket
import threading
from types import TracebackType
from typing import Self


class Stub:
    """Listens on a free port; `answer` is sent once on each connection, after the first bytes came."""

    def __init__(self, answer: bytes = b"") -> None:
        self.answer = answer
        self.connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._thread = threading.Thread(target=self._accept)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            if self.answer:
                connection.recv(4096)
                connection.sendall(self.answer)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self.connections:
            connection.close()
