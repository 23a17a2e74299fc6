"""A real Prosody with our modules (Debian's package `prosody`)."""

import base64
import shutil
import subprocess
from pathlib import Path
from typing import Any

import modules.matrix
from tests.modules.matrix.bosh import Bosh, RefusedError, conference_of, widget_token
from tests.modules.matrix.stub import ROOM
from tests.service import answers, free_port, wait_for

OURS = Path(modules.matrix.__file__).parent / "prosody"
PLUGINS = Path(__file__).parent / "plugins"
CONFERENCE = conference_of(ROOM)
AT = f"{CONFERENCE}@conference.test"
REMEDY = "prosody is missing: apt-get install prosody"
API_TOKEN = "u7Qm-Zx3cV9bN2kL"
FOCUS = "focus@auth.test"
CONFIGURATION = """\
run_as_root = true
daemonize = false
pidfile = "{folder}/pid"
data_path = "{folder}/data"
plugin_paths = {{ "{ours}", "{plugins}" }}
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{folder}/log" }} }}
modules_enabled = {{ "saslauth", "bosh", "ping" }}
modules_disabled = {{ "c2s", "s2s", "offline" }}
http_ports = {{ {port} }}
http_interfaces = {{ "127.0.0.1" }}
https_ports = {{}}
c2s_require_encryption = false
consider_bosh_secure = true
muc_room_locking = false
muc_tombstones = false
admins = {{ "{focus}" }}

VirtualHost "meet.test"
    authentication = "matrix_user_verification"
    modules_enabled = {{ "show_identity" }}
    uvs_base_url = "{api}"
    uvs_auth_token = "{token}"
    uvs_sync_power_levels = true
    breakout_rooms_muc = "breakout.test"

VirtualHost "told.test"
    authentication = "matrix_user_verification"
    modules_enabled = {{ "show_identity" }}
    uvs_base_url = "{told}/"
    uvs_sync_power_levels = true

VirtualHost "hung.test"
    authentication = "matrix_user_verification"
    uvs_base_url = "{told}"
    uvs_timeout = 1

VirtualHost "dead.test"
    authentication = "matrix_user_verification"
    uvs_base_url = "http://127.0.0.1:1"

VirtualHost "nowhere.test"
    authentication = "matrix_user_verification"

VirtualHost "plain.test"
    authentication = "anonymous"

VirtualHost "recorder.test"
    authentication = "anonymous"

VirtualHost "auth.test"
    authentication = "internal_plain"

Component "conference.test" "muc"
    modules_enabled = {{ "matrix_power_sync" }}
    uvs_trusted_hosts = {{ "recorder.test" }}

Component "plain-conference.test" "muc"
Component "breakout.test" "muc"
"""


class Prosody:
    """One server, whose verification APIs are at `api` and, for told.test, at `told`."""

    def __init__(self, folder: Path, api: str, told: str) -> None:
        program = shutil.which("prosody")
        assert program, REMEDY
        self.port = free_port()
        self._connections: list[Bosh] = []
        self._log = folder / "log"
        accounts = folder / "data/auth%2etest/accounts"
        accounts.mkdir(parents=True)
        (accounts / "focus.dat").write_text('return { ["password"] = "focus" };\n')
        file = folder / "prosody.cfg.lua"
        values = {"folder": folder, "ours": OURS, "plugins": PLUGINS, "port": self.port, "focus": FOCUS}
        file.write_text(CONFIGURATION.format(**values, api=api, told=told, token=API_TOKEN))
        with (folder / "output").open("wb") as output:
            command = [program, "--config", str(file), "-F"]
            self._process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        wait_for(lambda: answers(f"http://127.0.0.1:{self.port}/http-bind"), "Prosody")

    def stop(self) -> None:
        self._process.terminate()
        assert self._process.wait(60) == 0

    def log(self) -> str:
        return self._log.read_text()

    def connect(self, host: str = "meet.test", **query: str) -> Bosh:
        """Open a connection, without signing in."""
        self._connections.append(Bosh(self.port, host, **query))
        return self._connections[-1]

    def signed_in(self, name: str, **context: Any) -> Bosh:
        """Sign in as a Matrix user, for the conference of the room."""
        token = widget_token(ROOM, f"{name}-token", **context)
        return self.connect(token=token, room=CONFERENCE).sign_in()

    def focus(self) -> Bosh:
        """Sign in as Jicofo does, at a host of its own, as an administrator."""
        initial = base64.b64encode(b"\0focus\0focus").decode()
        return self.connect("auth.test").sign_in("PLAIN", initial)

    def close_connections(self) -> None:
        """End every session, so that all rooms are empty."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def refusal(self, host: str = "meet.test", **query: str) -> tuple[str, str]:
        """Return why somebody is not let in: the condition, and the reason that is logged."""
        before = len(self.log())
        try:
            self.connect(host, **query).sign_in()
        except RefusedError as error:
            marker = "matrix user verification: "
            line = next(line for line in self.log()[before:].splitlines() if marker in line)
            return str(error), line.partition(marker)[2].split()[0]
        raise AssertionError("was let in")
