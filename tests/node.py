"""A long-lived node process: how a browser reads an address, and what Jitsi's own client makes of it.

with Node() as node:
    node.url_parse("https://meet.example.com/a/../b")["pathname"]   # "/b"
    node.jitsi_room_of_path("/My%20Room")                           # "my%20room"
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import pytest

SCRIPT = Path(__file__).with_name("node.js")


class Node:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            ["node", str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End node: without its standard input it has nothing left to do."""
        self.process.communicate(timeout=10)

    def url_parse(self, text: str) -> dict[str, str] | None:
        """Return the parts of `new URL(text)` by their JavaScript names, or None when it throws."""
        return cast("dict[str, str] | None", self._call("url_parse", text))

    def url_resolve(self, text: str, base: str) -> dict[str, str] | None:
        """Return the same of `new URL(text, base)`: where a browser at `base` goes."""
        return cast("dict[str, str] | None", self._call("url_resolve", [text, base]))

    def jitsi_room_of_path(self, path: str) -> str:
        """Return the conference that Jitsi's client enters for this path, in its own form."""
        return cast("str", self._call("jitsi_room_of_path", path))

    def jitsi_rooms_of_paths(self, paths: list[str]) -> list[str]:
        """Return the same for many paths at once."""
        return cast("list[str]", self._call("jitsi_rooms_of_paths", paths))

    def jitsi_fragment(self, fragment: str) -> dict[str, Any]:
        """Return the parameters that Jitsi's client reads from a fragment (with its #)."""
        return cast("dict[str, Any]", self._call("jitsi_fragment", fragment))

    def jitsi_read(self, address: str) -> dict[str, Any]:
        """Return what Jitsi's client makes of an address: `room`, `safe`, `tenant`, `jwt`, `settings`."""
        return cast("dict[str, Any]", self._call("jitsi_read", address))

    def jitsi_sign_in(self, pattern: str, address: str, **asked: object) -> str:
        """Return where Jitsi's client goes for a token from an address, with this `tokenAuthUrl`.

        `asked` may have `options` (as in `{"audioMuted": True}`), `refreshToken` and `app` ("electron").
        """
        return cast("str", self._call("jitsi_sign_in", {"tokenAuthUrl": pattern, "href": address, **asked}))

    def jitsi_asks_again(self, pattern: str, address: str) -> bool:
        """Tell whether Jitsi's client, loading an address, goes for a new token before it does anything."""
        return cast("bool", self._call("jitsi_asks_again", {"tokenAuthUrl": pattern, "href": address}))

    def jitsi_safe_room(self, room: str) -> str:
        """Return the conference of a room, as its backend is told (`getBackendSafeRoomName`)."""
        return cast("str", self._call("jitsi_safe_room", room))

    def jitsi_faults(self, token: str) -> list[dict[str, Any]]:
        """Return what Jitsi's client finds wrong with a token (`validateJwt`), as its keys."""
        return cast("list[dict[str, Any]]", self._call("jitsi_faults", token))

    def _call(self, name: str, argument: object) -> object:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([name, argument]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "node has ended"
        return json.loads(line)


@pytest.fixture(scope="session")
def node(programs: None) -> Iterator[Node]:
    """One process for all tests of a process."""
    with Node() as running:
        yield running
