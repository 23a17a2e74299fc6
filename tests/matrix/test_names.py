"""Server names and user identifiers."""

# ruff: noqa: RUF001 - characters that look like others are what this is about

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.matrix import BadNameError, parse_server_name, parse_user_id

GOOD = [
    ("example.org", "example.org", None),
    ("example.org:8448", "example.org", 8448),
    ("EXAMPLE.org:1", "EXAMPLE.org", 1),
    ("localhost:65535", "localhost", 65535),
    ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
    ("1.example", "1.example", None),
    ("1.2.3.4", "1.2.3.4", None),
    ("1.2.3.4:80", "1.2.3.4", 80),
    ("[::1]", "::1", None),
    ("[2001:db8::1]:443", "2001:db8::1", 443),
    ("[::ffff:127.0.0.1]:443", "::ffff:127.0.0.1", 443),
    ("a" * 63 + ".org", "a" * 63 + ".org", None),
]
BAD = [
    *["", ".", ":", ":80", "example.org:", "example.org:0", "example.org:65536", "example.org:080000"],
    *["example.org:8x", "example.org:-1", "example.org:+1", "example.org: 1", "example.org:１", "a:1:2"],
    *["example.org.", ".example.org", "example..org", "-a.example", "a-.example", "a_b.example", "a b"],
    *["0x7f.1", "127.1", "2130706433", "0x7f000001", "0x", "0177.0.0.1", "1.2.3.256", "1.2.3", "1.2.3.4.5"],
    *[
        "example.1",
        "example.0x1",
        "１２７.0.0.1",
        "127。0。0。1",
        "127．0．0．1",
        "1.2.3.4.",
        "bücher.example",
    ],
    *["ⅼocalhost", "exa\u00admple.org", "example.org\n", "\nexample.org", "example.org\0", "exa\tmple.org"],
    *["user@example.org", "user:password@example.org", "example.org/x", "example.org?x", "example.org#x"],
    *["https://example.org", "//example.org", "example.org\\x", "%65xample.org", "example.org%00", "*", "[]"],
    *["[::1", "::1", "[::1]x", "[::1]:", "[::1]:0", "[::1]:65536", "[::1%lo]", "[fe80::1%1]", "[1.2.3.4]"],
    *[
        "[[::1]]",
        "[::1]]",
        "[::1].org",
        "[::１]",
        "\ud800",
        "a" * 64 + ".org",
        ".".join(["a" * 49] * 5) + ".aaaaa",
    ],
]
SERVER_NAME = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,255})(:[0-9]{1,5})?")
"""The grammar as the specification has it; ours accepts no more."""


@pytest.mark.parametrize(("text", "host", "port"), GOOD)
def test_good(text: str, host: str, port: int | None) -> None:
    name = parse_server_name(text)
    assert (name.text, name.host, name.port) == (text, host, port)


@pytest.mark.parametrize("text", BAD)
def test_bad(text: str) -> None:
    with pytest.raises(BadNameError):
        parse_server_name(text)


def test_lengths() -> None:
    longest = ".".join(["a" * 62] * 4)[:-1] + "ab"
    assert len(longest) == 252
    assert parse_server_name(longest).host == longest
    with pytest.raises(BadNameError):
        parse_server_name(longest + "ab")
    with pytest.raises(BadNameError):
        parse_server_name((longest + ".aa")[:255])


@given(st.text() | st.text("0123456789abcxABCDEF.:[]-%@/", max_size=30))
def test_any_text(text: str) -> None:
    try:
        name = parse_server_name(text)
    except BadNameError:
        return
    assert SERVER_NAME.fullmatch(text)
    assert name.text == text
    assert name.port is None or 1 <= name.port <= 65535
    if name.is_literal:
        assert ip_address(name.host)
    else:
        with pytest.raises(ValueError, match="does not appear"):
            ip_address(name.host)


@given(st.ip_addresses(), st.none() | st.integers(1, 65535))
def test_every_address(address: IPv4Address | IPv6Address, port: int | None) -> None:
    host = str(address) if address.version == 4 else f"[{address}]"
    name = parse_server_name(host if port is None else f"{host}:{port}")
    assert (name.host, name.port, name.is_literal, name.authority) == (str(address), port, True, host)


@given(
    st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z]([a-z0-9-]{0,20}[a-z0-9])?){0,4}", fullmatch=True)
)
def test_every_plain_host_name(text: str) -> None:
    name = parse_server_name(text)
    assert (name.host, name.port, name.is_literal) == (text, None, False)


@pytest.mark.parametrize(
    ("text", "localpart", "server"),
    [
        ("@alice:example.org", "alice", "example.org"),
        ("@alice:localhost:20001", "alice", "localhost:20001"),
        ("@alice:[::1]:8448", "alice", "[::1]:8448"),
        ("@Älice/=+ x:example.org", "Älice/=+ x", "example.org"),
        ("@:example.org", "", "example.org"),
        ("@" + "a" * 242 + ":example.org", "a" * 242, "example.org"),
    ],
)
def test_user_ids(text: str, localpart: str, server: str) -> None:
    user = parse_user_id(text)
    assert (user.text, user.localpart, user.server.text) == (text, localpart, server)


@pytest.mark.parametrize(
    "text",
    [
        *["", "@", "@alice", "@alice:", "alice:example.org", "@alice:example.org.", "@a\0:example.org"],
        *["@a\ud800:example.org", "@" + "a" * 243 + ":example.org", "@" + "ä" * 122 + ":example.org"],
        *[
            "@alice:example.org:",
            "@alice:b:c",
            "!alice:example.org",
            "@alice:exa mple.org",
            " @alice:example.org",
        ],
    ],
)
def test_bad_user_ids(text: str) -> None:
    with pytest.raises(BadNameError):
        parse_user_id(text)


@given(st.text() | st.text("@:ab.[]0\0", max_size=20))
def test_any_user_id(text: str) -> None:
    try:
        user = parse_user_id(text)
    except BadNameError:
        return
    assert f"@{user.localpart}:{user.server.text}" == text
    assert ":" not in user.localpart
