"""Webhooks of the SFU: verified as `livekit.api` does, and read."""

import hashlib
from dataclasses import dataclass

import jwt
from google.protobuf.json_format import ParseError
from livekit.api import TokenVerifier, WebhookReceiver
from livekit.protocol.models import DisconnectReason, ParticipantInfo

from issuer.matrix.answers import MatrixError
from modules.livekit.delegation.engine.model import Joined, Left
from modules.livekit.delegation.jobs.job import Pair
from modules.livekit.settings import LiveKitSettings

JOINED = "participant_joined"
ROOM_FINISHED = "room_finished"
LEFT = frozenset({"participant_left", "participant_connection_aborted"})
LEEWAY = 60.0
"""Seconds after its end for which `livekit.api` still takes a token."""


LONGEST_WEBHOOK = 8 * 1024 * 1024
"""Bytes; participants bring metadata and attributes, of which LiveKit takes 512 KiB and 64 KiB by default."""


class NotSignedError(MatrixError):
    """A webhook that the SFU did not sign, or not like this."""

    code = "M_UNAUTHORIZED"
    status = 401
    error = "This webhook is not signed by the SFU."


@dataclass(frozen=True, slots=True)
class Webhook:
    """News of a participant."""

    pair: Pair
    event: Joined | Left
    body_hash: bytes
    expires_at: float
    """Until when its token is taken (seconds since 1970)."""


@dataclass(frozen=True, slots=True)
class RoomFinished:
    """The SFU has ended a room."""

    room: str


def is_signed(settings: LiveKitSettings, authorization: str) -> bool:
    """Tell, before its body is read, whether the SFU has signed the digest of a webhook."""
    try:
        return bool(_verifier(settings).verify(authorization).sha256)
    except Exception:  # whatever strangers made it stumble over
        return False


def _verifier(settings: LiveKitSettings) -> TokenVerifier:
    return TokenVerifier(settings.api_key, settings.api_secret.get_secret_value())


def receive(settings: LiveKitSettings, body: bytes, authorization: str) -> Webhook | RoomFinished | None:
    """Read a webhook; None when it is genuine and of no use.

    Raises:
        NotSignedError: it is not genuine.
    """
    try:
        found = WebhookReceiver(_verifier(settings)).receive(body.decode(), authorization)
        claims = jwt.decode(authorization, options={"verify_signature": False})  # verified just now
    except ParseError:
        return None
    except Exception as error:  # whatever strangers made it stumble over
        raise NotSignedError(f"a webhook was refused: {type(error).__name__}: {error}") from None
    if found.event == ROOM_FINISHED:
        return RoomFinished(found.room.name)
    pair = found.room.name, found.participant.identity
    event = _event(found.event, found.participant)
    if event is None or not all(pair) or "\0" in "".join(pair):
        return None
    return Webhook(pair, event, hashlib.sha256(body).digest(), float(claims["exp"]) + LEEWAY)


def _event(name: str, participant: ParticipantInfo) -> Joined | Left | None:
    """Return what happened; the end of a connection whose client has another one already is no leave."""
    if name == JOINED:
        return Joined(participant.sid)
    is_replaced = participant.disconnect_reason == DisconnectReason.DUPLICATE_IDENTITY
    return Left(participant.sid) if name in LEFT and not is_replaced else None
