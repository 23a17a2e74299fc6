"""What Jitsi's Prosody would say to a token: every check by itself, so that a person sees what is wrong.

Written after Prosody's token plugins, not after our own code that makes tokens: it judges that code.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeGuard

from cryptography.exceptions import UnsupportedAlgorithm
from jwt.algorithms import get_default_algorithms
from jwt.exceptions import PyJWTError

from issuer.jitsi.verdict_context import judge_context, reads_room_as_pattern, wrong_pattern
from issuer.jitsi.verdict_parts import Finding, Json, TokenParts, fault, fine, seen, split_token

ALGORITHMS = frozenset({"HS256", "HS384", "HS512", "RS256", "RS384", "RS512"})
LARGEST_TIME = 2**53
NEVER_ANSWERS = "without a string Jitsi up to 2025 never answers, and since 2026 refuses"
PEM_START = b"-----BEGIN PUBLIC KEY-----"


@dataclass(slots=True)
class JitsiServer:
    """How a Jitsi server is set up, as far as it looks at tokens.

    With `fetch_key` it has a key server, which is asked for a PEM by `kid`; else it has a `secret`. `domain`
    is the domain or tenant that `sub` must name, None without domain verification. `room` is the conference
    being entered, in the form of Jitsi's client; None leaves it open.
    """

    issuers: list[str]
    audiences: list[str]
    algorithm: str
    secret: bytes | None = field(default=None, repr=False)
    fetch_key: Callable[[str], bytes | None] | None = None
    domain: str | None = None
    room: str | None = None
    max_token_bytes: int = 8192


def judge_token(token: str, server: JitsiServer, now: float) -> list[Finding]:
    """Return a finding for every check; Jitsi accepts the token when all are ok."""
    size = _judge_size(token, server)
    parts = split_token(token)
    if isinstance(parts, Finding):
        return [size, parts]
    return [
        size,
        _judge_typ(parts),
        _judge_alg(parts, server),
        *_judge_key(parts, server),
        _judge_issuer(parts.claims.get("iss"), server),
        _judge_audience(parts.claims.get("aud"), server),
        _judge_exp(parts.claims, int(now)),
        _judge_nbf(parts.claims, int(now)),
        _judge_room(parts.claims, server),
        _judge_sub(parts.claims.get("sub"), server),
        *judge_context(parts.claims),
    ]


def _judge_size(token: str, server: JitsiServer) -> Finding:
    size = len(token.encode(errors="replace"))
    if size >= server.max_token_bytes:
        return fault("size", f"{size} bytes; it must be below {server.max_token_bytes}")
    return fine("size", f"{size} bytes")


def _judge_typ(parts: TokenParts) -> Finding:
    typ = parts.header.get("typ")
    if typ != "JWT":
        return fault("typ", f"the header's typ is {seen(typ)}; it must be exactly JWT")
    return fine("typ", "JWT")


def _judge_alg(parts: TokenParts, server: JitsiServer) -> Finding:
    alg = parts.header.get("alg")
    if server.algorithm not in ALGORITHMS:
        return fault("alg", f"the server is set to {server.algorithm}, which Jitsi does not know")
    if alg != server.algorithm:
        return fault("alg", f"the token has {seen(alg)}; the server takes {server.algorithm} only")
    if server.fetch_key and server.algorithm.startswith("HS"):
        return fault("alg", f"with a key server, {server.algorithm} is refused")
    return fine("alg", server.algorithm)


def _judge_key(parts: TokenParts, server: JitsiServer) -> list[Finding]:
    """Judge `kid` and signature; without a key server nobody looks at `kid`."""
    if server.fetch_key is None:
        return [_judge_signature(parts, server, server.secret)]
    kid = parts.header.get("kid")
    if not isinstance(kid, str):
        return [
            fault("kid", f"the header's kid is {seen(kid)}; a key server needs a string"),
            fault("signature", "not checked: no kid"),
        ]
    pem = server.fetch_key(kid)
    if pem is None or not pem.lstrip().startswith(PEM_START):
        return [
            fault("kid", f"the key server has no public key for {seen(kid)}"),
            fault("signature", "not checked: no key"),
        ]
    return [fine("kid", seen(kid)), _judge_signature(parts, server, pem)]


def _judge_signature(parts: TokenParts, server: JitsiServer, key: bytes | None) -> Finding:
    if server.algorithm not in ALGORITHMS or parts.header.get("alg") != server.algorithm:
        return fault("signature", "not checked: wrong algorithm")
    if key is None:
        return fault("signature", "not checked: no key and no secret")
    algorithm = get_default_algorithms()[server.algorithm]
    try:
        valid = algorithm.verify(parts.signed, algorithm.prepare_key(key), parts.signature)
    except (PyJWTError, UnsupportedAlgorithm, ValueError, TypeError) as error:
        return fault("signature", f"the key does not fit {server.algorithm} ({type(error).__name__})")
    return fine("signature", "valid") if valid else fault("signature", "made with another key, or altered")


def _judge_issuer(iss: Json, server: JitsiServer) -> Finding:
    if iss not in server.issuers:
        wanted = " or ".join(map(seen, server.issuers)) or "nothing"
        return fault("iss", f"it is {seen(iss)}; the server accepts {wanted}, compared exactly")
    return fine("iss", seen(iss))


def _judge_audience(aud: Json, server: JitsiServer) -> Finding:
    if isinstance(aud, list):
        return fault("aud", "it is a list; it must be one string")
    if aud not in server.audiences:
        wanted = " or ".join(map(seen, server.audiences)) or "nothing"
        return fault("aud", f"it is {seen(aud)}; the server accepts {wanted}, compared exactly")
    return fine("aud", seen(aud))


def _judge_exp(claims: dict[str, Json], now: int) -> Finding:
    exp = claims.get("exp")
    if not _is_time(exp):
        return fault("exp", f"it is {seen(exp)}; it must be a number of seconds")
    if now >= exp:
        return fault("exp", f"expired {now - exp:.0f} s ago; there is no leeway")
    return fine("exp", f"{exp - now:.0f} s left")


def _judge_nbf(claims: dict[str, Json], now: int) -> Finding:
    if "nbf" not in claims:
        return fine("nbf", "absent")
    nbf = claims["nbf"]
    if not _is_time(nbf):
        return fault("nbf", f"it is {seen(nbf)}; it must be a number of seconds")
    if now < nbf:
        return fault("nbf", f"valid only in {nbf - now:.0f} s; there is no leeway")
    return fine("nbf", f"valid since {now - nbf:.0f} s")


def _is_time(value: Json) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_TIME


def _judge_room(claims: dict[str, Json], server: JitsiServer) -> Finding:
    room = claims.get("room")
    if not isinstance(room, str):
        return fault("room", f"it is {seen(room)}; {NEVER_ANSWERS}")
    if reads_room_as_pattern(claims) and (why := wrong_pattern(room)):
        return fault("room", f"context.room.regex makes it a Lua pattern, and it cannot be one: {why}")
    if server.room is None or room == "*":
        return fine("room", f"opens {'every room' if room == '*' else seen(room)}")
    if reads_room_as_pattern(claims):
        text = (
            'context.room.regex makes it a Lua pattern, in which "-" and "." are no letters; not judged here'
        )
        return fault("room", text)
    if _ascii_lower(room) != server.room:
        return fault("room", f"opens {seen(room)}, not {seen(server.room)}")
    return fine("room", f"opens {seen(room)}")


def _judge_sub(sub: Json, server: JitsiServer) -> Finding:
    if not isinstance(sub, str):
        return fault("sub", f"it is {seen(sub)}; {NEVER_ANSWERS}")
    if server.domain is None or sub == "*" or _ascii_lower(sub) == _ascii_lower(server.domain):
        return fine("sub", seen(sub))
    return fault("sub", f"it is {seen(sub)}; this server or tenant is {seen(server.domain)}")


def _ascii_lower(text: str) -> str:
    """Lower-case as Prosody does: ASCII letters only."""
    return text.encode().lower().decode()
