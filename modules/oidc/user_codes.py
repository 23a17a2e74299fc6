"""Codes that people read on one device and type on another (RFC 8628 §6.1)."""

import unicodedata

from issuer.world import Randomness

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words; no case, and no digits that look like letters."""
LENGTH = 8
LONGEST = 100
SEPARATORS = {"Pd", "Cf"}
"""Unicode's dashes, and what is not seen: a copied text has some."""


def draw(randomness: Randomness) -> str:
    """Return a new code; bytes beyond a multiple of 20 are left out, so all are as likely."""
    letters = ""
    while len(letters) < LENGTH:
        drawn = randomness.bytes(LENGTH)
        letters += "".join(LETTERS[byte % 20] for byte in drawn if byte < 240)
    return _written(letters[:LENGTH])


def read(typed: str) -> str | None:
    """Return the code that somebody typed, as the device shows it; None when it cannot be one.

    Any case, any width, and any spaces and dashes mean the same code. Nothing else is guessed: a letter of
    another script that looks like one of ours is none.
    """
    if len(typed) > LONGEST:
        return None
    letters = "".join(c for c in unicodedata.normalize("NFKC", typed) if not _separates(c))
    upper = letters.upper() if letters.isascii() else ""
    return _written(upper) if len(upper) == LENGTH and set(upper) <= set(LETTERS) else None


def _separates(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in SEPARATORS


def _written(letters: str) -> str:
    return f"{letters[: LENGTH // 2]}-{letters[LENGTH // 2 :]}"
