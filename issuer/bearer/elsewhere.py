"""Claims that a token does not hold itself, though it says that they exist.

A provider may name claims that stand somewhere else (OIDC Core §5.6.2, `_claim_names`). Microsoft Entra does
so with the groups of whoever is in more than a token may list, or says `hasgroups` ("overage"). Nobody goes
there from here: what such claims say is unknown.
"""

from collections.abc import Mapping
from typing import Any

GROUPS_CLAIM = "groups"


def elsewhere(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of claims that stand elsewhere; of what cannot be read, that it is the groups."""
    names = claims.get("_claim_names")
    found = set(names) if isinstance(names, dict) else set[str]() if names is None else {GROUPS_CLAIM}
    if claims.get("hasgroups") not in (None, False, "false"):
        found.add(GROUPS_CLAIM)
    return frozenset(found)
