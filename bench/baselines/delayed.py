"""A homeserver with delayed events, which notes when each was restarted and sent; and an SFU without anybody.

`python -m bench.baselines.delayed PORT`: any delay id is known. `/gaps` tells the seconds between the last
restarts of each event since `/forget`, `/sends` when each was sent (seconds since 1970), `/known` how many
were restarted. It must be much faster than what is measured: so it reads HTTP by itself.
"""

import asyncio
import json
import sys
import time

EVENTS = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/"
TWIRP = "/twirp/"
NOBODY = {"code": "not_found", "msg": "participant does not exist"}
LENGTH = b"content-length:"


class Homeserver:
    """What is known of events."""

    def __init__(self) -> None:
        self.restarted: dict[str, float] = {}
        self.sent: dict[str, float] = {}
        self.gaps: list[float] = []

    def answer(self, path: str) -> object:
        if path.startswith(EVENTS):
            delay_id, _, action = path.removeprefix(EVENTS).partition("/")
            self._note(delay_id, action, time.time())
            return {}
        if path == "/forget":
            self.gaps.clear()
        return {"/gaps": self.gaps, "/sends": self.sent, "/known": len(self.restarted)}.get(path)

    def _note(self, delay_id: str, action: str, now: float) -> None:
        if action == "send":
            self.sent[delay_id] = now
            return
        if delay_id in self.restarted:
            self.gaps.append(now - self.restarted[delay_id])
        self.restarted[delay_id] = now


class Connection(asyncio.Protocol):
    """Answers requests whose bodies come with their heads, or after them."""

    def __init__(self, homeserver: Homeserver) -> None:
        self._homeserver = homeserver
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            at = head.find(LENGTH)
            length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._read) < end + 4 + length:
                return
            path = self._read[:end].split(b" ", 2)[1].decode()
            self._read = self._read[end + 4 + length :]
            if path.startswith(TWIRP):
                self._write("404 Not Found", NOBODY)
            else:
                self._write("200 OK", self._homeserver.answer(path))

    def _write(self, status: str, answer: object) -> None:
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        assert isinstance(self._transport, asyncio.Transport)
        self._transport.write(head.encode() + body)


async def main(port: int) -> None:
    homeserver = Homeserver()
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Connection(homeserver), "127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
