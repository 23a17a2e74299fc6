"""Text that may stand in XML: one forbidden character breaks the conference for everybody in it."""

import re

# XML 1.0 §2.2, production [2] Char: everything else is forbidden.
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def claims_text(value: str) -> str:
    """Return a text without the characters that XML 1.0 forbids: for everything that goes into `context`."""
    return FORBIDDEN.sub("", value)


def forbidden_in_xml(value: str) -> bool:
    """Tell whether a text has a character that XML 1.0 forbids."""
    return FORBIDDEN.search(value) is not None
