"""What people may type as their name: nothing of it means anything, and nobody is somebody else."""

import itertools
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuer.authentication.identities.resolver import normal_login
from issuer.backends.ldap import LdapBackend
from issuer.backends.ldap.templates import LoginFilter, groups_filter, in_chain_filter, person_dn, typed_name
from tests.backends.ldap.conftest import Build
from tests.backends.ldap.seen import shows_the_line
from tests.openldap.people import DECOY, STRANGE_NAMES, escaped, password_of

EVERY = [chr(code) for code in range(0x110000)]
CLASSES: dict[str, list[str]] = {}
for _category, _group in itertools.groupby(sorted(EVERY, key=unicodedata.category), unicodedata.category):
    _members = list(_group)
    CLASSES[_category] = [_members[0], _members[len(_members) // 2], _members[-1]]
FRAGMENTS = (
    "*",
    "(",
    ")",
    "\\",
    "\\2a",
    "\\00",
    "uid=",
    "|",
    "&",
    "!",
    "dwho",
    "user7",
    "=",
    "~=",
    ",",
    "+",
    "#",
    " ",
    "\0",
    ";",
    '"',
    "<",
    ">",
    "é",
)


@shows_the_line
@pytest.mark.parametrize("name", STRANGE_NAMES, ids=ascii)
def test_whoever_is_named_strangely_signs_in_as_themselves(
    backend: LdapBackend, by_template: LdapBackend, name: str
) -> None:
    for one in (backend, by_template):
        identity = one.authenticate(name, password_of(name))
        assert identity
        assert identity.uid == name
        assert one.authenticate(name, password_of("dwho")) is None


def test_every_class_of_characters_is_there() -> None:
    printable = {unicodedata.category(character) for name in STRANGE_NAMES for character in name}
    assert set(CLASSES) - printable == {"Cc", "Cf", "Cn", "Co", "Cs", "Lt", "Lu", "Me", "Zl", "Zp"}


def _named(backend: LdapBackend, login: str) -> None:
    """Whoever signs in has the name that was typed; mostly nobody does."""
    identity = backend.authenticate(login, password_of("dwho"))
    assert identity is None or (identity.uid == "dwho" and normal_login(login) == "dwho")


@shows_the_line
@pytest.mark.parametrize("category", CLASSES)
def test_no_class_of_characters_breaks_a_name(
    backend: LdapBackend, by_template: LdapBackend, category: str
) -> None:
    for character in CLASSES[category]:
        for login in (character, f"dwho{character}", f"{character}dwho", f"dw{character}ho", character * 300):
            _named(backend, login)
            _named(by_template, login)


@pytest.mark.parametrize(
    "login",
    [
        "*",
        "*)(uid=*",
        "dwho)(uid=*",
        "dw*",
        "d*o",
        "\\64who",
        "dwho\\",
        "dwho,ou=people",
        "dwho+cn=x",
        "dwho\N{SOFT HYPHEN}",
        "d\N{ZERO WIDTH SPACE}who",
        "dwho\N{VARIATION SELECTOR-16}",
        "dwho\N{COMBINING GRAPHEME JOINER}",
        "uid=dwho",
        "a" * 257,
    ],
)
def test_what_is_like_a_name_is_none(backend: LdapBackend, by_template: LdapBackend, login: str) -> None:
    assert backend.authenticate(login, password_of("dwho")) is None
    assert by_template.authenticate(login, password_of("dwho")) is None


@shows_the_line
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=6).map("".join))
def test_no_login_means_anything_but_itself(
    backend: LdapBackend, by_template: LdapBackend, login: str
) -> None:
    _named(backend, login)
    _named(by_template, login)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=6).map("".join))
def test_no_group_filter_means_anything_but_its_name(build: Build, text: str) -> None:
    """A filter made of a strange name is a filter, and finds nothing."""
    backend = build(groups_by="search", group_filter="(&(cn={uid})(member={dn}))")
    found: list[object] = []
    text = groups_filter("(|(description={uid})(cn={dn}))", text, "nobody" + text)
    backend._servers.run(lambda lane: found.extend(lane.searching.search(DECOY, text)))
    assert found == []


def test_filters() -> None:
    both = LoginFilter("(&(objectClass=person)(|(uid={login})(mail={login}@example.org)))")
    assert both.attributes == ["uid", "mail"]
    assert both.filter("a*(b)\\c") == (
        "(&(objectClass=person)(|(uid=a\\2a\\28b\\29\\5cc)(mail=a\\2a\\28b\\29\\5cc@example.org)))"
    )
    assert both.anybody == "(&(objectClass=person)(|(uid=*)(mail=*@example.org)))"
    has = {"uid": ["Rose"], "mail": ["r.tyler@example.org"]}
    assert both.names("ROSE", lambda name: has[name])
    assert both.names("r.tyler", lambda name: has[name])
    assert not both.names("tyler", lambda name: has[name])


@pytest.mark.parametrize(
    "template",
    [
        "",
        "uid={login}",
        "(uid=x)",
        "(uid=*{login}*)",
        "(uid>={login})",
        "({login}=x)",
        "(uid={login}))(",
        "(!{login})",
    ],
)
def test_a_filter_that_would_find_others_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"login|not a filter"):
        LoginFilter(template)


def test_names_in_filters_and_names() -> None:
    assert (
        groups_filter("(|(member={dn})(x={uid}))", "cn={uid}*", "{dn}") == "(|(member=cn={uid}\\2a)(x={dn}))"
    )
    assert in_chain_filter("cn=Who\\, Dr (x),dc=a") == (
        "(member:1.2.840.113556.1.4.1941:=cn=Who\\5c, Dr \\28x\\29,dc=a)"
    )
    for name in STRANGE_NAMES:
        assert person_dn("uid={login},dc=a", name).casefold() == f"uid={escaped(name)},dc=a".casefold()
    assert typed_name(" DWho ") == "DWho"
