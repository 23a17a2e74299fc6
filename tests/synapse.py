"""A real homeserver: Synapse in an environment of its own (`make test` installs it), with two users and
a room.

Its name has the port, so that other servers find it on loopback without well-known files or DNS. All
tests of a process share the one of the fixture `synapse`, so users have names of their own. A missing
Synapse is a failure.
"""

import contextlib
import hashlib
import hmac
import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.service import client, free_port, wait_for
from tests.upstream.authority import Authority

PYTHON = Path(__file__).parents[1] / "var/synapse-venv/bin/python"
REMEDY = "Synapse is missing: make var/synapse-venv/.installed"
ATTEMPTS = 3
SECRET = "registration-secret"
SIGNING_KEY = "ed25519 a_test " + "A" * 43
UNLIMITED = {"per_second": 10_000, "burst_count": 10_000}
AS_TOKEN = "as-token-of-an-application-service"
SERVICE: dict[str, object] = {
    "id": "issuer",
    "url": None,
    "as_token": AS_TOKEN,
    "hs_token": "hs-token-of-an-application-service",
    "sender_localpart": "_issuer",
    "rate_limited": False,
    "namespaces": {},
}
LOG = {
    "version": 1,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "disable_existing_loggers": False,
}


class Synapse:
    """One homeserver, in a directory."""

    def __init__(self, directory: Path, authority: Authority) -> None:
        self.directory = directory
        self.port = free_port()
        self.name = f"localhost:{self.port}"
        self.url = f"https://{self.name}"
        self.http = client()
        self.http.verify = str(authority.path)
        self.files = [directory / "homeserver.yaml"]
        self._environ = {**os.environ, "SSL_CERT_FILE": str(authority.path)}
        self._write(authority.file("localhost"))

    def start(self) -> None:
        command = [str(PYTHON), "-m", "synapse.app.homeserver"]
        command += [word for file in self.files for word in ("-c", str(file))]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.directory, env=self._environ, stdout=log, stderr=log
            )
        wait_for(lambda: self._is_up() or self.process.poll() is not None, "Synapse")
        assert self.process.poll() is None, (self.directory / "log").read_text()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def register(self, localpart: str, *, admin: bool = False) -> "User":
        """Make a user with the shared secret (Synapse's admin API, "Shared-Secret Registration")."""
        path = "/_synapse/admin/v1/register"
        nonce = self.http.get(self.url + path, timeout=30).json()["nonce"]
        signed = "\0".join([nonce, localpart, "password", "admin" if admin else "notadmin"]).encode()
        mac = hmac.new(SECRET.encode(), signed, hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": localpart, "password": "password", "admin": admin, "mac": mac}
        made = self.request("POST", path, body)
        return User(self, made["user_id"], made["access_token"])

    def expire_openid(self, token: str) -> None:
        """Set back the time until which an OpenID token is good."""
        with contextlib.closing(sqlite3.connect(self.directory / "homeserver.db", timeout=30)) as database:
            update = "UPDATE open_id_tokens SET ts_valid_until_ms = 1 WHERE token = ?"
            assert database.execute(update, [token]).rowcount == 1
            database.commit()

    def drop_state(self, room_id: str, kind: str) -> None:
        """Take a state event out of a room, as if there had never been one; between two runs."""
        self.stop()
        with contextlib.closing(sqlite3.connect(self.directory / "homeserver.db", timeout=30)) as database:
            delete = "DELETE FROM current_state_events WHERE room_id = ? AND type = ?"
            assert database.execute(delete, [room_id, kind]).rowcount == 1
            database.commit()
        self.start()

    def request(self, method: str, path: str, body: dict[str, Any], token: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.http.request(method, self.url + path, json=body, headers=headers, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def _is_up(self) -> bool:
        try:
            return self.http.get(f"{self.url}/_matrix/client/versions", timeout=5).ok
        except OSError:
            return False

    def _write(self, certificate: Path) -> None:
        folder = self.directory
        (folder / "signing.key").write_text(SIGNING_KEY + "\n")
        (folder / "log.yaml").write_text(json.dumps(LOG))
        (folder / "service.yaml").write_text(json.dumps(SERVICE))
        listener = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "type": "http",
            "tls": True,
            "resources": [{"names": ["client", "federation"]}],
        }
        settings = {
            "server_name": self.name,
            "public_baseurl": self.url + "/",
            "listeners": [listener],
            "tls_certificate_path": str(certificate),
            "tls_private_key_path": str(certificate),
            "database": {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}},
            "signing_key_path": str(folder / "signing.key"),
            "media_store_path": str(folder / "media"),
            "pid_file": str(folder / "pid"),
            "log_config": str(folder / "log.yaml"),
            "registration_shared_secret": SECRET,
            "macaroon_secret_key": "macaroon-secret",
            "form_secret": "form-secret",
            "report_stats": False,
            "trusted_key_servers": [],
            "app_service_config_files": [str(folder / "service.yaml")],
            "max_event_delay_duration": "24h",
            "rc_message": UNLIMITED,
            "rc_registration": UNLIMITED,
            "rc_login": dict.fromkeys(("address", "account", "failed_attempts"), UNLIMITED),
            "rc_joins": dict.fromkeys(("local", "remote"), UNLIMITED),
            "rc_joins_per_room": UNLIMITED,
            "rc_invites": dict.fromkeys(("per_room", "per_user", "per_issuer"), UNLIMITED),
            "rc_room_creation": UNLIMITED,
        }
        (folder / "homeserver.yaml").write_text(json.dumps(settings))  # JSON is YAML


class User:
    """A user of a homeserver, signed in there."""

    def __init__(self, synapse: Synapse, user_id: str, token: str) -> None:
        self.synapse = synapse
        self.user_id = user_id
        self.token = token

    def create_room(self, **options: Any) -> str:
        """Make a room, and return its id."""
        made = self.synapse.request("POST", "/_matrix/client/v3/createRoom", options, self.token)
        return str(made["room_id"])

    def act(self, room_id: str, action: str, **body: Any) -> None:
        """Do something in a room: join, leave, and with a user's id invite, ban."""
        path = f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/{action}"
        self.synapse.request("POST", path, body, self.token)

    def set_state(self, room_id: str, kind: str, content: dict[str, Any], key: str = "") -> None:
        """Send a state event."""
        path = f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/state/{kind}/{quote(key, safe='')}"
        self.synapse.request("PUT", path, content, self.token)

    def schedule_state(self, room_id: str, kind: str, key: str, milliseconds: int) -> str:
        """Send an empty state event after a delay (MSC4140), and return its delay id."""
        path = f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/state/{kind}/{quote(key, safe='')}"
        delay = f"org.matrix.msc4140.delay={milliseconds}"
        return str(self.synapse.request("PUT", f"{path}?{delay}", {}, self.token)["delay_id"])

    def state(self, room_id: str, kind: str, key: str) -> dict[str, Any]:
        """Return the content of a state event."""
        path = f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/state/{kind}/{quote(key, safe='')}"
        return dict(self.synapse.request("GET", path, {}, self.token))

    def delayed_events(self) -> dict[str, dict[str, Any]]:
        """Return what is scheduled, by delay id."""
        path = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"
        found = self.synapse.request("GET", path, {}, self.token)["delayed_events"]
        return {event["delay_id"]: event for event in found}

    def openid_token(self) -> dict[str, Any]:
        """Ask for an OpenID token (Client-Server API §OpenID)."""
        path = f"/_matrix/client/v3/user/{self.user_id}/openid/request_token"
        token: dict[str, Any] = self.synapse.request("POST", path, {}, self.token)
        return token


@contextlib.contextmanager
def running_synapse(folder: Path, authority: Authority) -> Iterator[Synapse]:
    """Run a homeserver; it takes another port when somebody took the first one before it listened."""
    assert PYTHON.exists(), REMEDY
    for attempt in range(ATTEMPTS):
        directory = folder / f"attempt-{attempt}"
        directory.mkdir()
        server = Synapse(directory, authority)
        try:
            server.start()
            break
        except AssertionError:
            if attempt == ATTEMPTS - 1 or "in use" not in (directory / "log").read_text():
                raise
    yield server
    server.stop()


@pytest.fixture(scope="session")
def synapse(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, programs: None
) -> Iterator[Synapse]:
    with running_synapse(tmp_path_factory.mktemp("synapse"), authority) as running:
        yield running
