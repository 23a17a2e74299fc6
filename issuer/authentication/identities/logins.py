"""What people type as their login, in one form: the account that it names, and the name to count it under."""

import hashlib
import unicodedata
from collections.abc import Collection, Iterable


def normal_login(login: str) -> str:
    """Return a login in the form in which accounts are found and failures counted, however it is typed."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def same_people(declared: Iterable[Collection[str]], backends: Iterable[str]) -> frozenset[str]:
    """Return backends with those of which `sign_in.same_people` says that they have the same people."""
    known = frozenset(backends)
    return known.union(*(names for names in declared if known & {*names}))


def account_key(login: str) -> str:
    """Return the name under which an account's failures are counted and its browsers remembered.

    It is a hash: people type passwords where the login belongs, and neither table nor log may have them.
    """
    return hashlib.sha256(normal_login(login).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def account_bucket(account: str) -> str:
    """Return the bucket of failures that a stranger's attempts on an account are counted in."""
    return f"account:{account}"
