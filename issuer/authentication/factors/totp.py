"""The codes that an authenticator app shows (TOTP, RFC 6238)."""

import base64
import hmac
import re
from collections.abc import Sequence

from pyotp import TOTP

from issuer.web.bounds import LONGEST_CODE
from issuer.world import Randomness

PERIOD = 30
"""Seconds that a code is shown (RFC 6238 §4.1, the default of apps)."""
DRIFT = 1
"""Steps that a phone's clock may be off, either way (RFC 6238 §5.2)."""
SECRET_BYTES = 20
"""As long as the hash (RFC 4226 §4, R6 recommends 160 bits)."""
DIGITS = re.compile(r"[0-9]{6}")


def new_secret(randomness: Randomness) -> str:
    """Return a secret for an app, in Base32."""
    return base64.b32encode(randomness.bytes(SECRET_BYTES)).decode()


def app_uri(secret: str, uid: str, service: str) -> str:
    """Return what the QR code holds: `otpauth://totp/…`, as apps read it."""
    return TOTP(secret, name=uid, issuer=service).provisioning_uri()


def step_of(now: float) -> int:
    """Return the number of the time step of a moment."""
    return int(now // PERIOD)


def steps_of_code(secret: str, typed: str, now: float) -> Sequence[int]:
    """Return the steps near a moment whose code was typed, the earliest first: none when it is wrong."""
    if len(typed) > LONGEST_CODE:
        return []
    code = re.sub(r"[\s-]", "", typed)
    if not DIGITS.fullmatch(code):
        return []
    totp, current = TOTP(secret, interval=PERIOD), step_of(now)
    near = range(current - DRIFT, current + DRIFT + 1)
    return [step for step in near if hmac.compare_digest(totp.generate_otp(step), code)]
