"""A real SFU: LiveKit's server, built from its source (`make real` does that), and a client of LiveKit's own.

Every client is a process, so that it can die without a goodbye. A missing server is a failure.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.modules.livekit.sfu import KEY, SECRET
from tests.service import answers, free_port, wait_for

SERVER = Path(__file__).parents[1] / "var/livekit-server/bin/livekit-server"
REMEDY = "LiveKit's server is missing: make var/livekit-server/.installed"


class LiveKit:
    """One SFU, in a directory."""

    def __init__(self, directory: Path) -> None:
        assert SERVER.exists(), REMEDY
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}"
        self._log = directory / "livekit.log"
        self._file = directory / "livekit.yaml"
        self._options: dict[str, Any] = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "rtc": {
                "tcp_port": free_port(),
                "udp_port": free_port(),
                "node_ip": "127.0.0.1",
                "use_external_ip": False,
                "enable_loopback_candidate": True,
            },
            "room": {"auto_create": False},
            "keys": {KEY: SECRET},
            "logging": {"level": "info", "json": True},
        }

    def tell(self, *urls: str) -> None:
        """Tell at some addresses who comes and goes; before the start."""
        self._options["webhook"] = {"api_key": KEY, "urls": urls}

    def start(self) -> None:
        self._file.write_text(json.dumps(self._options))  # JSON is YAML
        with self._log.open("ab") as log:
            self.process = subprocess.Popen([SERVER, "--config", self._file], stdout=log, stderr=log)
        wait_for(lambda: answers(f"http://127.0.0.1:{self.port}/") or self._has_ended(), "LiveKit")
        assert not self._has_ended(), self._log.read_text()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:  # it waits for participants
            self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)

    def _has_ended(self) -> bool:
        return self.process.poll() is not None


class Participant:
    """A client in a call, or on its way there."""

    def __init__(self, *words: str) -> None:
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [sys.executable, "-m", "tests.modules.livekit.real.client", *words]
        self.process = subprocess.Popen(command, cwd=Path(__file__).parents[1], text=True, **pipes)

    def wait_ready(self) -> None:
        """Wait until it can go at once."""
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def join(self, answer: Mapping[str, Any]) -> str:
        """Go to the SFU with what a gateway answered; return what became of it: "joined", or why not."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{answer['url']} {answer['jwt']}\n")
        self.process.stdin.flush()
        return str(self.process.stdout.readline()).strip()

    def kill(self) -> None:
        """Let it die without a goodbye."""
        self._end(signal.SIGKILL)

    def leave(self) -> None:
        """Let it say goodbye."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
