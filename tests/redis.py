"""A private Redis from the Debian package: the fixture `redis`. A missing server is a failure."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NoConnectionError

from tests.service import free_port, wait_for

REMEDY = "Redis is missing: apt-get install --yes redis-server"
PASSWORD = "open-sesame"


class RedisServer:
    """A running server."""

    def __init__(self, directory: Path) -> None:
        assert shutil.which("redis-server"), REMEDY
        self.port = free_port()
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/3"
        self._directory = directory
        self.client: Any = Redis.from_url(self.url, protocol=2, driver_info=None)

    def start(self) -> None:
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "requirepass": PASSWORD,
            "dir": self._directory,
            "save": "",
            "appendonly": "no",
        }
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        with (self._directory / "log").open("ab") as log:
            self.process = subprocess.Popen(["redis-server", *words], stdout=log, stderr=log)
        wait_for(self._answers, "Redis")

    def stop(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(60)

    def commands(self) -> set[str]:
        """Return the commands that were ever sent, and forget them."""
        found = {name.removeprefix("cmdstat_").upper() for name in self.client.info("commandstats")}
        self.client.config_resetstat()
        return found

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except NoConnectionError:
            return False


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory, programs: None) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()
