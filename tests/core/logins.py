"""A process of its own: `python -m tests.core.logins FOLDER` signs in and takes tokens until it is killed.

It prints each session id and each token when the browser has it.
"""

import sys
from pathlib import Path

from issuer.testing import PERSON, open_gateway, tokens_in
from issuer.testing.gateway import VISITOR

JITSI = {"server_url": "https://meet.example.com", "app_id": "jitsi", "app_secret": "q7Zr2m-Xw9Kt4bVd" * 4}
DATA = {"modules": {"jitsi": JITSI}}


def main(folder: str) -> None:
    gateway = open_gateway(Path(folder), DATA)
    while True:
        print(f"session {gateway.parts.sessions.start(PERSON, VISITOR)}", flush=True)
        client = gateway.sign_in_as(PERSON)
        for _ in range(5):
            (token,) = tokens_in(client.get("/jitsi/login?room=board"))
            print(f"token {token}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
