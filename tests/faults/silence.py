"""A proxy before a server that falls silent: what was connected stays so, and nothing is said any more."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CHUNK = 65536
PULSE = 0.05


class SilentProxy:
    """Forwards between a port and a Unix socket, until it is silent."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._may_speak, self._ended = threading.Event(), threading.Event()
        self._may_speak.set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def fall_silent(self) -> None:
        """Forward nothing, either way; new connections are taken, and not answered."""
        self._may_speak.clear()

    def speak(self) -> None:
        """Go on, with what has come meanwhile too."""
        self._may_speak.set()

    def _accept(self) -> None:
        self._listener.settimeout(PULSE)
        while not self._ended.is_set():
            with suppress(TimeoutError):
                near, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=[near], daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, near: socket.socket) -> None:
        with near, socket.socket(socket.AF_UNIX) as far, suppress(OSError):
            far.connect(self._target)
            ends = {near: far, far: near}
            while not self._ended.is_set():
                if not self._may_speak.wait(PULSE):
                    continue
                for source in select.select(list(ends), [], [], PULSE)[0]:
                    if not self._may_speak.is_set():
                        break
                    data = source.recv(CHUNK)
                    if not data:
                        return
                    ends[source].sendall(data)

    def close(self) -> None:
        """End, with every connection."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()


@contextmanager
def silent_proxy(target: Path) -> Iterator[SilentProxy]:
    """Give a proxy before a Unix socket, which speaks at first."""
    proxy = SilentProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
