"""What people do in conferences of a real Prosody with our modules, driven over BOSH."""

import re
from xml.etree import ElementTree as ET

import pytest

from tests.modules.matrix.bosh import MUC, Bosh, RefusedError, conference_of, standing
from tests.modules.matrix.prosody import AT, CONFERENCE, Prosody


def test_the_conference_that_was_verified_and_no_other(prosody: Prosody) -> None:
    """Real Prosody (Debian) with our two modules, driven over BOSH by a test client: a member gets in, a
    moderator becomes owner and a plain member does not, an outsider, a mismatching conference name, a member
    of one room who connects for it and then enters another, a missing or broken JWT and a dead verification
    API are refused (never left hanging), 50 people signing in at once each get their own identity, each with
    its logged reason; nobody else can make an owner. The same scripted MUC session with and without our
    module gives the same stanzas otherwise.
    """
    other = f"{conference_of('!other:example.org')}@conference.test"
    alice = prosody.signed_in("alice")
    log = len(prosody.log())
    with pytest.raises(RefusedError, match="not-allowed"):
        alice.join(other, "alice")
    focus = prosody.focus()
    focus.join(other, "focus")
    for room in (other, f"lobby@{AT.partition('@')[2]}", f"{CONFERENCE}x@plain-conference.test"):
        with pytest.raises(RefusedError, match="not-allowed"):
            alice.join(room, "alice")
    assert prosody.log()[log:].count("jitsi_and_matrix_room_mismatch") == 4
    assert standing(alice.join("any@breakout.test", "alice"))[1], "the component of breakout rooms"
    assert standing(alice.join(AT, "alice-again")) == ("owner", "moderator")


def test_nobody_comes_in_by_another_host(prosody: Prosody) -> None:
    """Neither as the first one nor later, unless an administrator or of a host that is trusted."""
    stranger, recorder = (prosody.connect(host).sign_in() for host in ("plain.test", "recorder.test"))
    log = len(prosody.log())
    with pytest.raises(RefusedError, match="not-allowed"):
        stranger.join(AT, "stranger")
    prosody.signed_in("bob").join(AT, "bob")
    for room in (AT, f"{CONFERENCE}@plain-conference.test"):
        with pytest.raises(RefusedError, match="not-allowed"):
            stranger.join(room, "stranger")
    assert prosody.log()[log:].count("jitsi_and_matrix_room_mismatch") >= 3
    for person, room in (
        (recorder, AT),
        (prosody.focus(), AT),
        (stranger, "stand-up@conference.test"),
        (stranger, "jvbbrewery@conference.test"),
    ):
        assert standing(person.join(room, f"other-{person.jid[:6]}"))[1], room


def affiliation_of(jid: str, affiliation: str) -> str:
    item = f'<item jid="{jid}" affiliation="{affiliation}"/>'
    return f'<query xmlns="{MUC}#admin">{item}</query>'


def test_nobody_else_makes_an_owner(prosody: Prosody) -> None:
    """Real Prosody (Debian) with our two modules, driven over BOSH by a test client: a member gets in, a
    moderator becomes owner and a plain member does not, an outsider, a mismatching conference name, a member
    of one room who connects for it and then enters another, a missing or broken JWT and a dead verification
    API are refused (never left hanging), 50 people signing in at once each get their own identity, each with
    its logged reason; nobody else can make an owner. The same scripted MUC session with and without our
    module gives the same stanzas otherwise.
    """
    focus = prosody.focus()
    assert standing(focus.join(AT, "focus")) == ("owner", "moderator"), "an administrator, as everywhere"
    alice, bob, eve = (prosody.signed_in(name) for name in ("alice", "bob", "bob"))
    for number, person in enumerate((alice, bob, eve)):
        person.join(AT, f"owner{number}")
    owner = affiliation_of(bob.jid.partition("/")[0], "owner")
    assert [who.ask("set", AT, owner) for who in (alice, focus)] == ["not-allowed"] * 2
    assert bob.ask("set", AT, owner) in {"not-allowed", "forbidden"}
    assert alice.ask("set", AT, affiliation_of("somebody@elsewhere.test", "owner")) == "not-allowed"
    assert bob.ask("get", AT, f'<query xmlns="{MUC}#owner"/>') == "forbidden", "he is none"
    assert alice.ask("set", AT, affiliation_of(bob.jid.partition("/")[0], "member")) == "result"
    # who is an owner may be made one again
    own = affiliation_of(alice.jid.partition("/")[0], "owner")
    assert focus.ask("set", AT, own) == "result"
    assert f"does not become an owner of {AT}" in prosody.log()


def scripted(first: Bosh, second: Bosh, room: str) -> list[list[str]]:
    """Let two people meet, of whom the first one owns the room; return what they are told."""
    first.join(room, "first")
    second.join(room, "second")
    second.send(f'<message to="{room}" type="groupchat" id="m1"><body>hello</body></message>')
    first.send(f'<message to="{room}/second" type="chat" id="m2"><body>aside</body></message>')
    second.send(f'<message to="{room}" type="groupchat" id="m3"><subject>news</subject></message>')
    second.send(f'<presence to="{room}/renamed" id="p1"/>')
    first.send(f'<presence to="{room}/first" id="p2"><show>away</show></presence>')
    other = second.jid.partition("/")[0]
    conditions = [
        second.ask("get", room, f'<query xmlns="{MUC}#owner"/>'),
        second.ask("set", room, affiliation_of("x@example.org", "member")),
        first.ask("get", room, f'<query xmlns="{MUC}#owner"/>'),
        first.ask("set", room, affiliation_of(other, "member")),
        first.ask("set", room, affiliation_of(other, "outcast")),
    ]
    seen = [second.drain()]
    with pytest.raises(RefusedError, match="forbidden"):
        second.join(room, "again")
    first.send(f'<presence to="{room}/first" type="unavailable" id="p3"/>')
    names = {first.jid: "first", second.jid: "second"}
    seen.append(first.drain())
    return [conditions, *([canonical(stanza, names, room) for stanza in stanzas] for stanzas in seen)]


def canonical(stanza: ET.Element, people: dict[str, str], room: str) -> str:
    """Return a stanza without what differs from one run to another: names, ids, times."""
    for element in stanza.iter():
        if element.tag == "{urn:xmpp:occupant-id:0}occupant-id":
            element.set("id", "X")
        for child in [child for child in element if child.tag == "{urn:tests:identity}identity"]:
            element.remove(child)
    text = ET.canonicalize(ET.tostring(stanza, encoding="unicode"))
    for jid, name in people.items():
        text = text.replace(jid, f"{name}@host/resource").replace(jid.partition("/")[0], f"{name}@host")
    return re.sub(r'stamp="[^"]*"| id="q\d+"', "", text.replace(room, "room@host"))


def test_the_same_session_with_and_without_our_modules(prosody: Prosody) -> None:
    """Real Prosody (Debian) with our two modules, driven over BOSH by a test client: a member gets in, a
    moderator becomes owner and a plain member does not, an outsider, a mismatching conference name, a member
    of one room who connects for it and then enters another, a missing or broken JWT and a dead verification
    API are refused (never left hanging), 50 people signing in at once each get their own identity, each with
    its logged reason; nobody else can make an owner. The same scripted MUC session with and without our
    module gives the same stanzas otherwise.
    """
    plain = [prosody.connect("plain.test").sign_in() for _ in range(2)]
    without = scripted(plain[0], plain[1], "any@plain-conference.test")
    ours = [prosody.signed_in(name) for name in ("alice", "bob")]
    with_ours = scripted(ours[0], ours[1], AT)
    assert with_ours == without
    assert min(len(part) for part in without) > 4
