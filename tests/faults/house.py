"""The product as operators run it, with every module, on a database that fails where a test wants it."""

import re
import signal
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import requests

from issuer.commands.init import make_keys
from modules.livekit.names import digest, room_name
from modules.oidc.settings import DEVICE_CODE
from tests.modules.livekit.calls import ROOM, SLOT
from tests.modules.livekit.delegation.homeserver import DelayingHomeserver
from tests.modules.livekit.sfu import KEY, SECRET, Sfu, signed, webhook
from tests.modules.oidc.provider import CHALLENGE, REDIRECT, VERIFIER
from tests.service import PASSWORD, PATIENCE, Service, client
from tests.upstream.authority import Authority

CLIENT_SECRET = "k7Zq2mWx9Tb4Vd8Rf1Lc6Yp3"
LIVEKIT_ROOM = room_name(ROOM, SLOT)
CONFIGURATION = f"""\
public_url = "http://127.0.0.1:{{{{port}}}}/"

[server]
bind = "127.0.0.1:{{{{port}}}}"
workers = {{workers}}

[store]
url = "{{store}}"

[backends.local]

[second_factor]
key = "8f1c7d3b5a9e204f6680cc1b2d4e7a93bb05f8127d6e4c3a91f0e2d4c6b8a701"

[upstream]
ca_file = "{{authority}}"
allow_private_networks = true

[modules.jitsi]
server_url = "https://meet.example.com"
app_id = "jitsi"
algorithm = "RS256"

[modules.oidc.clients.wiki]
secret = "{CLIENT_SECRET}"
redirect_uris = ["{REDIRECT}"]
trusted = true

[modules.oidc.clients.rotating]
secret = "{CLIENT_SECRET}"
redirect_uris = ["{REDIRECT}"]
trusted = true
refresh_token_rotation = true

[modules.oidc.clients.notes]
secret = "{CLIENT_SECRET}"
redirect_uris = ["{REDIRECT}"]

[modules.oidc.clients.tv]
secret = "{CLIENT_SECRET}"
grant_types = ["{DEVICE_CODE}", "refresh_token"]

[modules.livekit]
url = "{{sfu}}"
api_key = "{KEY}"
api_secret = "{SECRET}"
full_access_homeservers = ["{{homeserver}}"]
cs_api_urls = {{{{{{{{ "{{homeserver}}" = "https://{{homeserver}}" }}}}}}}}
"""


class House(Service):
    """A server, its database, a homeserver and an SFU; and what people and clients do there."""

    def __init__(
        self,
        directory: Path,
        store: str,
        servers: tuple[DelayingHomeserver, Sfu, Authority],
        workers: int = 1,
    ) -> None:
        self.homeserver, self.sfu, authority = servers
        text = CONFIGURATION.format(
            workers=workers,
            store=store,
            authority=authority.path,
            sfu=self.sfu.url,
            homeserver=self.homeserver.name,
        )
        super().__init__(directory, text, key_use="oidc")
        make_keys(self.shell.key_directory(), "jitsi", self.shell.clock)
        self.ours = {"Origin": self.url}

    def kill_workers(self) -> None:
        """End every worker without a word; others take their place."""
        for worker in self.workers():
            worker.send_signal(signal.SIGKILL)

    def repeat(self, act: Callable[[], requests.Response]) -> list[int]:
        """Do something as a person or client does, again while there is no answer, or one of 5xx.

        Return the status of each try, 0 where there was no answer.
        """
        found: list[int] = []
        deadline = time.monotonic() + PATIENCE
        while not found or found[-1] == 0 or found[-1] >= 500:
            assert time.monotonic() < deadline, found
            if found:
                time.sleep(0.2)
            try:
                found.append(act().status_code)
            except requests.RequestException:
                found.append(0)
        return found

    def post(self, path: str, session: requests.Session | None = None, /, **form: str) -> requests.Response:
        """Send a form."""
        session = session or client()
        url = self.url + path
        return session.post(url, data=form, headers=self.ours, allow_redirects=False, timeout=60)

    def get(self, session: requests.Session, path: str) -> requests.Response:
        """Open a page, and follow nothing."""
        return session.get(self.url + path, allow_redirects=False, timeout=60)

    def log_in(self, session: requests.Session, uid: str) -> requests.Response:
        """Send the sign-in form."""
        return self.post("/login", session, login=uid, password=PASSWORD, next="/")

    def authorize(self, session: requests.Session, client_id: str = "wiki") -> requests.Response:
        """Let a browser ask for a code."""
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": REDIRECT,
            "scope": "openid profile",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return self.get(session, "/oidc/authorize?" + urlencode(asked))

    def code(self, session: requests.Session, client_id: str = "wiki") -> str:
        """Return a code."""
        answer = self.authorize(session, client_id)
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))["code"]

    def exchange(self, code: str, client_id: str = "wiki") -> requests.Response:
        """Exchange a code."""
        return self.token(client_id, grant_type="authorization_code", code=code, code_verifier=VERIFIER)

    def refresh(self, token: str, client_id: str = "wiki") -> requests.Response:
        """Exchange a refresh token."""
        return self.token(client_id, grant_type="refresh_token", refresh_token=token)

    def token(self, client_id: str = "wiki", **form: str) -> requests.Response:
        """Ask the token endpoint."""
        credentials = {"client_id": client_id, "client_secret": CLIENT_SECRET, "redirect_uri": REDIRECT}
        return self.post("/oidc/token", **credentials, **form)

    def is_good(self, access_token: str) -> bool:
        """Tell whether an access token is taken."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return client().get(f"{self.url}/oidc/userinfo", headers=headers, timeout=60).status_code == 200

    def delegate(self, member: str) -> requests.Response:
        """Hand over the event by which a participant leaves."""
        body = {
            "room_id": ROOM,
            "slot_id": SLOT,
            "openid_token": {
                "access_token": "alice-token",
                "matrix_server_name": self.homeserver.name,
            },
            "member": {
                "id": member,
                "claimed_user_id": self.homeserver.user,
                "claimed_device_id": "DEV",
            },
            "delay_id": f"syd_{member}",
            "delay_timeout": 8000,
        }
        return client().post(f"{self.url}/livekit/jwt/delegate_delayed_leave", json=body, timeout=60)

    def identity(self, member: str) -> str:
        """Return how the SFU calls a participant."""
        return digest(self.homeserver.user, "DEV", member)

    def hook(self, name: str, member: str) -> Callable[[], requests.Response]:
        """Return what says as the SFU does what happened to a participant: again with the same words."""
        pair = LIVEKIT_ROOM, self.identity(member)
        if name == "participant_joined":
            self.sfu.participants[pair] = f"PA_{member}"
        else:
            self.sfu.participants.pop(pair, None)
        body = webhook(name, *pair, f"PA_{member}")
        headers = {"Authorization": signed(body)}
        url = f"{self.url}/livekit/jwt/sfu_webhook"
        return lambda: client().post(url, data=body, headers=headers, timeout=60)


def fields_of(page: requests.Response) -> dict[str, str]:
    """Return the hidden fields of a page."""
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return {name: unescape(value) for name, value in found}


def told(answer: requests.Response) -> dict[str, str]:
    """Return the parameters of a redirect."""
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
