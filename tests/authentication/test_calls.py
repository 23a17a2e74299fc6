"""The calls that somebody joined lately, on the portal's home."""

from tests.gateway import BuildGateway
from tests.modules.livekit.people.asking import Stage, section

JITSI = {"server_url": "https://meet.example.com", "app_id": "jitsi", "algorithm": "RS256"}


def test_recent_calls_are_on_the_home_page(build_gateway: BuildGateway) -> None:
    modules = {"livekit": section(), "jitsi": {**JITSI, "path": "/meet"}}
    gateway = build_gateway({"modules": modules}, users={"alice": (), "bob": ()})
    alice, bob = gateway.sign_in("alice"), gateway.sign_in("bob")
    assert "Your recent calls" not in alice.get("/").text

    for room in ("first", "second", "third", "first"):
        gateway.clock.advance(60)
        alice.get("/meet/login", query_string={"room": room, "tenant": "acme" if room == "third" else ""})
    gateway.clock.advance(60)
    Stage(gateway).send(alice, {"roomId": "stage-1"})
    page = alice.get("/").text
    places = [page.index(text) for text in ("stage-1", "<h3>first", "acme/third", "<h3>second")]
    assert places == sorted(places)
    assert page.count("<h3>first") == 1
    assert 'href="/meet/login?room=third&amp;tenant=acme"' in page
    assert "<span>LiveKit</span> <time" in page
    assert "Your recent calls" not in bob.get("/").text
    answer = alice.get("/meet/login?room=third&tenant=acme")
    assert answer.location
    assert answer.location.startswith("https://meet.example.com/acme/third?")
