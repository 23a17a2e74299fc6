from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from modules.jitsi.meeting_request import MeetingRequest, parse_meeting_request
from modules.jitsi.redirect import Platform, TokenPlace, app_link, clean_server_url, meeting_page, meeting_url
from modules.jitsi.rooms import MeetingRequestError, parse_room, parse_tenant
from tests.modules.jitsi.nasty import NASTY, STATES
from tests.node import Node

SERVERS = ["https://meet.example.com", "http://127.0.0.1:8443/", "https://example.com/a/video/"]
TOKEN = "eyJh.eyJi.c2ln-_"


def asked_for(room: str | None, tenant: str | None, state: str | None) -> list[MeetingRequest]:
    """Every meeting that these texts can ask for, each place alone and all together."""
    rooms, tenants, states = ([text] if text is not None else [] for text in (room, tenant, state))
    found = []
    together = [(rooms, tenants, states), (["r"], tenants, states), (["r"], [], states)]
    for request in [(rooms, [], []), (["r"], tenants, []), ([], [], states), *together]:
        with suppress(MeetingRequestError):
            found.append(parse_meeting_request(*request))
    return found


@settings(max_examples=500, deadline=None)
@given(
    server=st.sampled_from(SERVERS),
    room=st.none() | NASTY,
    tenant=st.none() | NASTY | st.sampled_from(["acme", "A-1"]),
    state=st.none() | STATES,
    token_in=st.sampled_from(["query", "fragment"]),
)
def test_redirect_never_leaves_the_configured_server(
    node: Node, server: str, room: str | None, tenant: str | None, state: str | None, token_in: TokenPlace
) -> None:
    for asked in asked_for(room, tenant, state):
        event(
            f"room {asked.room.name != 'r'}, tenant {asked.tenant is not None}, {bool(asked.state.overrides)}"
        )
        overrides = asked.state.overrides
        url = meeting_url(server, asked.room, asked.tenant, TOKEN, token_in=token_in, overrides=overrides)
        assert url.isascii()
        check_place(node, server, url, asked)
        check_token(node, url, token_in)
        for platform in ("ios", "android", "electron"):
            check_app_link(node, server, platform, url, asked)


def check_place(node: Node, server: str, url: str, asked: MeetingRequest) -> None:
    base, parsed = node.url_parse(server), node.url_parse(url)
    assert base
    assert parsed
    for part in ("protocol", "username", "password", "hostname", "port"):
        assert parsed[part] == base[part]
    segments = parsed["pathname"].split("/")[1:]
    expected = [part for part in base["pathname"].split("/") if part]
    expected += asked.tenant.name.split("/") if asked.tenant else []
    assert segments == [*expected, asked.room.segment]
    assert node.jitsi_room_of_path(parsed["pathname"]) == asked.room.claim


def check_token(node: Node, url: str, token_in: TokenPlace) -> None:
    parsed = node.url_parse(url)
    assert parsed
    assert not {"#", "/"} & set(parsed["hash"][1:])  # where Jitsi's apps cut an address
    fragment = node.jitsi_fragment(parsed["hash"])
    if token_in == "query":
        assert parsed["search"] == f"?jwt={TOKEN}"
        assert "jwt" not in fragment
    else:
        assert parsed["search"] == ""
        assert fragment["jwt"] == TOKEN


def check_app_link(node: Node, server: str, platform: Platform, url: str, asked: MeetingRequest) -> None:
    link = app_link(platform, url)
    scheme, _, rest = link.partition(":")
    assert scheme == {"ios": "org.jitsi.meet", "android": "intent", "electron": "jitsi-meet"}[platform]
    if platform == "android":
        rest, mark, intent = rest.rpartition("#")  # as Android's Intent.parseUri does
        assert mark
        assert intent == "Intent;scheme=org.jitsi.meet;package=org.jitsi.meet;end"
    assert f"{urlsplit(server).scheme}:{rest}" == url
    check_place(node, server, f"{urlsplit(server).scheme}:{rest}", asked)


def test_address_of_a_meeting() -> None:
    room, tenant = parse_room("My Room"), parse_tenant("Acme")
    overrides = (("config.startWithAudioMuted", True), ("config.subject", "a&b"))
    assert meeting_url(SERVERS[0], room, None, "a.b.c") == "https://meet.example.com/My%20Room?jwt=a.b.c"
    assert meeting_url(SERVERS[2], room, tenant, "a.b.c", token_in="fragment", overrides=overrides) == (
        "https://example.com/a/video/acme/My%20Room"
        "#jwt=%22a.b.c%22&config.startWithAudioMuted=true&config.subject=%22a%5Cu0026b%22"
    )
    assert meeting_url(SERVERS[0], room, None, "a.b.c", overrides=overrides[:1]) == (
        "https://meet.example.com/My%20Room?jwt=a.b.c#config.startWithAudioMuted=true"
    )
    assert meeting_page(SERVERS[1], room, tenant) == "http://127.0.0.1:8443/acme/My%20Room"


def test_links_of_the_apps() -> None:
    url = "https://meet.example.com/room?jwt=a.b.c"
    assert app_link("ios", url) == "org.jitsi.meet://meet.example.com/room?jwt=a.b.c"
    assert app_link("electron", url) == "jitsi-meet://meet.example.com/room?jwt=a.b.c"
    assert app_link("android", url) == (
        "intent://meet.example.com/room?jwt=a.b.c#Intent;scheme=org.jitsi.meet;package=org.jitsi.meet;end"
    )


@pytest.mark.parametrize("text", [*SERVERS, "https://[::1]:8443/x", "https://meet.example.com:443"])
def test_server_urls(node: Node, text: str) -> None:
    cleaned = clean_server_url(text)
    assert not cleaned.endswith("/")
    assert node.url_parse(cleaned)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "meet.example.com",
        "ftp://meet.example.com",
        "https://",
        "https:///x",
        "https://user@meet.example.com",
        "https://meet.example.com?x",
        "https://meet.example.com/#",
        "https://meet.example.com/../x",
        "https://meet.example.com/a/./x",
        "https://meet.example.com//x",
        "https://meet.example.com\\x",
        "https://meet.example.com:0",
        "https://meet.example.com:99999",
        "https://münchen.example",
        "https://meet.example.com\n",
        "javascript://meet.example.com",
    ],
)
def test_no_server_urls(text: str) -> None:
    with pytest.raises(ValueError, match=r"must|[Pp]ort"):
        clean_server_url(text)
