"""What people type, in filters (RFC 4515) and names (RFC 4514) of the operator's making.

A directory finds people by less than what was typed: it passes over letter case, spaces at the ends,
invisible characters (RFC 4518 §2.2), some over accents. Failures are counted by what was typed, so whoever
could write one name in a thousand ways would have a thousand times the attempts. So a login counts only if
it equals, in the form in which failures are counted, what the entry has.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

from ldap.dn import escape_dn_chars
from ldap.filter import escape_filter_chars

from issuer.authentication.identities.resolver import normal_login
from issuer.web.bounds import LONGEST_LOGIN

LOGIN, DN, UID = "{login}", "{dn}", "{uid}"
PASSED_OVER = re.compile("[\u00ad\u034f\u1806\u180b-\u180d\ufe00-\ufe0f\ufffc]|  ")
"""Printable characters that directories map to nothing (RFC 4518 §2.2), and spaces that they squeeze."""
TERM = re.compile(r"\(([A-Za-z0-9.;-]+)(?::[A-Za-z0-9.]+:)?=([^()*\\]*\{login\}[^()*\\]*)\)")
"""One attribute that must equal a login, with text around it or not."""
IN_CHAIN = "1.2.840.113556.1.4.1941"
"""LDAP_MATCHING_RULE_IN_CHAIN: Active Directory follows a chain of names (MS-ADTS §3.1.1.3.4.4.3)."""

MISUSE = (
    "{login} must stand for the whole value of an attribute, or with plain text around it, "
    'as in "(uid={login})" or "(|(uid={login})(mail={login}@example.com))"'
)


def is_filter(text: str) -> bool:
    """Tell whether a text may be a filter: it begins and ends with parentheses, and they match."""
    depth = 0
    for number, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth <= 0 and number < len(text) - 1:
            return False
    return depth == 0 and text.endswith(")")


def typed_name(login: str) -> str | None:
    """Return what somebody typed without the spaces around it; None when no directory has such a name."""
    if len(login) > LONGEST_LOGIN:
        return None
    login = login.strip()
    if not login:
        return None
    forms = (login, unicodedata.normalize("NFKC", login))
    plain = all(form.isprintable() and not PASSED_OVER.search(form) for form in forms)
    return login if plain else None


class LoginFilter:
    """The filter that finds a person by what they typed."""

    def __init__(self, template: str) -> None:
        """Keep a filter with `{login}` in it; raise ValueError when it is none."""
        if not is_filter(template):
            raise ValueError('not a filter: write it as "(uid={login})"')
        self._terms: list[tuple[str, str]] = TERM.findall(template)
        if not self._terms or sum(value.count(LOGIN) for _, value in self._terms) != template.count(LOGIN):
            raise ValueError(MISUSE)
        self._template = template
        self.anybody = template.replace(LOGIN, "*")
        """The same for whoever may sign in, whatever their login is."""

    @property
    def attributes(self) -> list[str]:
        """Return the attributes that a login is compared with."""
        return [name.partition(";")[0] for name, _ in self._terms]

    def filter(self, login: str) -> str:
        """Return the filter for a login, in which no character of it means anything."""
        return self._template.replace(LOGIN, literal(login))

    def names(self, login: str, values_of: Callable[[str], Sequence[str]]) -> bool:
        """Tell whether a login is what an entry has, up to letter case and compatible forms."""
        for (_, value), attribute in zip(self._terms, self.attributes, strict=True):
            wanted = normal_login(value.replace(LOGIN, login))
            if any(normal_login(found) == wanted for found in values_of(attribute)):
                return True
        return False


def literal(text: str) -> str:
    """Return a text as a value in a filter, in which no character of it means anything (RFC 4515 §3)."""
    return str(escape_filter_chars(text))


def person_dn(template: str, login: str) -> str:
    """Return the name of a person in the directory, by a template with `{login}`."""
    return template.replace(LOGIN, escape_dn_chars(login))


def groups_filter(template: str, dn: str, uid: str) -> str:
    """Return the filter for the groups of a person or of a group; the texts put in are not searched again."""
    given = {DN: literal(dn), UID: literal(uid)}
    return re.sub(r"\{dn\}|\{uid\}", lambda match: given[match[0]], template)


def in_chain_filter(dn: str) -> str:
    """Return the filter for the groups that a person is in, however deeply they are nested."""
    return f"(member:{IN_CHAIN}:={literal(dn)})"


def any_of(filters: Sequence[str]) -> str:
    """Return the filter that is true where one of these is."""
    return filters[0] if len(filters) == 1 else f"(|{''.join(filters)})"
