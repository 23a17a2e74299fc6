"""A small client of XMPP over BOSH (XEP-0124, XEP-0206), as Jitsi's client connects to Prosody."""

import base64
import contextlib
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from tests.service import PATIENCE, client

BIND = "http://jabber.org/protocol/httpbind"
CLIENT = "jabber:client"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
MUC = "http://jabber.org/protocol/muc"
MUC_USER = f"{MUC}#user"
IDENTITY = "urn:tests:identity"
WAIT = 1
"""Seconds for which the server may hold a request."""


class RefusedError(Exception):
    """The server does not let somebody in; the message is the condition."""


def conference_of(room_id: str) -> str:
    """Return the name of a room's conference: base32 without padding, in lower case."""
    return base64.b32encode(room_id.encode()).decode().rstrip("=").lower()


def widget_token(room_id: str, openid: str, **context: Any) -> str:
    """Return the JWT that a widget makes; its signature means nothing, and it has expired."""
    matrix = {"room_id": room_id, "token": openid, **context.pop("matrix", {})}
    user = {"name": "Somebody", "avatar": "https://example.org/a.png", **context.pop("user", {})}
    claims = {"context": {"user": user, "matrix": matrix, **context}, "aud": "jitsi", "iss": "x", "room": "*"}
    return jwt_of(json.dumps({**claims, "sub": "meet.test", "exp": 1}).encode())


def jwt_of(payload: bytes) -> str:
    """Return a JWT of any payload."""
    header = b'{"alg":"HS256","typ":"JWT"}'
    parts = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, payload, b"notused"))
    return ".".join(parts)


class Bosh:
    """One connection. One request is open at a time; stanzas that come are kept in `inbox`."""

    def __init__(self, port: int, host: str, **query: str) -> None:
        self._http = client()
        self._url = f"http://127.0.0.1:{port}/http-bind?{urlencode(query)}"
        self._rid = 1_000
        self._sid = ""
        self.host = host
        self.jid = ""
        self.inbox: list[ET.Element] = []
        attributes = {"to": host, "wait": str(WAIT), "hold": "1", "ver": "1.6", "xmpp:version": "1.0"}
        self._sid = self._request(attributes).attrib["authid"]

    def sign_in(self, mechanism: str = "ANONYMOUS", initial: str = "") -> "Bosh":
        """Authenticate, and bind a resource; raise RefusedError when the server says no."""
        self.send(f'<auth xmlns="{SASL}" mechanism="{mechanism}">{initial}</auth>')
        answer = self.wait_for(lambda stanza: stanza.tag.startswith(f"{{{SASL}}}"))
        if answer.tag != f"{{{SASL}}}success":
            raise RefusedError(answer[0].tag.partition("}")[2])
        self._request({"to": self.host, "xmpp:restart": "true"})
        self.send('<iq type="set" id="b"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>')
        answer = self.wait_for(lambda stanza: stanza.get("id") == "b")
        self.jid = next(element.text or "" for element in answer.iter() if element.tag.endswith("}jid"))
        return self

    def close(self) -> None:
        """End the session: whoever it is leaves every room."""
        with contextlib.suppress(RefusedError):
            self._request({"type": "terminate"})

    def send(self, *stanzas: str) -> None:
        self._request({}, "".join(stanzas))

    def join(self, room: str, nick: str) -> ET.Element:
        """Enter a room; return the own presence there, raise RefusedError when the server says no."""
        self.send(f'<presence to="{room}/{nick}"><x xmlns="{MUC}"/></presence>')
        own = self.wait_for(lambda stanza: is_presence(stanza) and _is_answer(stanza))
        if own.get("type") == "error":
            raise RefusedError(condition(own))
        return own

    def ask(self, kind: str, to: str, payload: str) -> str:
        """Send an IQ; return "result" or the condition of the error."""
        self.send(f'<iq type="{kind}" id="q{self._rid}" to="{to}">{payload}</iq>')
        name = f"q{self._rid - 1}"
        answer = self.wait_for(lambda stanza: stanza.get("id") == name)
        return "result" if answer.get("type") == "result" else condition(answer)

    def wait_for(self, wanted: Callable[[ET.Element], bool]) -> ET.Element:
        """Return the first stanza that is wanted, and take it out of the inbox."""
        deadline = time.monotonic() + PATIENCE
        while True:
            for stanza in self.inbox:
                if wanted(stanza):
                    self.inbox.remove(stanza)
                    return stanza
            assert time.monotonic() < deadline, f"nothing came but {[*map(ET.tostring, self.inbox)]}"
            self._request({})

    def drain(self) -> list[ET.Element]:
        """Return what has come, after an answer to a ping: by then everything before has come too."""
        self.send(f'<iq type="get" id="end" to="{self.host}"><ping xmlns="urn:xmpp:ping"/></iq>')
        self.wait_for(lambda stanza: stanza.get("id") == "end")
        found, self.inbox = self.inbox, []
        return found

    def _request(self, attributes: dict[str, str], payload: str = "") -> ET.Element:
        self._rid += 1
        known = {"rid": str(self._rid), **({"sid": self._sid} if self._sid else {}), **attributes}
        written = " ".join(f"{name}={quoteattr(value)}" for name, value in known.items())
        body = f'<body xmlns="{BIND}" xmlns:xmpp="urn:xmpp:xbosh" {written}>{payload}</body>'
        answer = self._http.post(self._url, data=body.encode(), timeout=PATIENCE)
        found = ET.fromstring(answer.content)
        if found.get("type") == "terminate":
            raise RefusedError(f"terminated: {found.get('condition')}")
        self.inbox += [stanza for stanza in found if not stanza.tag.endswith("}features")]
        return found


def is_presence(stanza: ET.Element) -> bool:
    return stanza.tag == f"{{{CLIENT}}}presence"


def _is_answer(presence: ET.Element) -> bool:
    """Tell whether a presence is the own one, or an error."""
    return presence.get("type") == "error" or "110" in statuses(presence)


def statuses(stanza: ET.Element) -> set[str]:
    return {element.get("code", "") for element in stanza.iter(f"{{{MUC_USER}}}status")}


def standing(stanza: ET.Element) -> tuple[str | None, str | None]:
    """Return affiliation and role in a presence of a room."""
    item = next(stanza.iter(f"{{{MUC_USER}}}item"))
    return item.get("affiliation"), item.get("role")


def identity(stanza: ET.Element) -> dict[str, Any]:
    """Return what `mod_show_identity` put into a presence."""
    found: dict[str, Any] = json.loads(next(stanza.iter(f"{{{IDENTITY}}}identity")).text or "")
    return found


def condition(stanza: ET.Element) -> str:
    """Return the condition of an error."""
    error = stanza.find(f"{{{CLIENT}}}error")
    assert error is not None, ET.tostring(stanza)
    return next(element.tag.partition("}")[2] for element in error if not element.tag.endswith("}text"))
