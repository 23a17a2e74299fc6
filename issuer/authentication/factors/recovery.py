"""Recovery codes: what is on paper for the day when the app is lost."""

import base64
import re

from issuer.web.bounds import LONGEST_CODE
from issuer.world import Randomness

RECOVERY_CODES = 10

RECOVERY_BYTES = 10
"""80 bits: nobody guesses one."""

RECOVERY = re.compile(r"[a-z2-7]{16}")


def new_recovery_codes(randomness: Randomness) -> list[str]:
    """Return recovery codes as people write them down, as in "abcd-efgh-2345-6777"."""
    codes = (
        base64.b32encode(randomness.bytes(RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)
    )
    return ["-".join(re.findall("....", code)) for code in codes]


def plain_recovery_code(typed: str) -> str | None:
    """Return a recovery code without what people put between its parts; None when it cannot be one."""
    if len(typed) > LONGEST_CODE:
        return None
    code = re.sub(r"[\s-]", "", typed).lower()
    return code if RECOVERY.fullmatch(code) else None
