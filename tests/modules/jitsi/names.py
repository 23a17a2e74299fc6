"""Names of rooms, decoded once: those that every route takes, with their claim, and those that all refuse."""

# ruff: noqa: RUF001 - look-alikes are what these names are about

from urllib.parse import quote


def in_address_bar(name: str) -> str:
    """Return a name as it stands in the address bar, and so in Jitsi's `state`; half a character stays."""
    try:
        return quote(name, safe="")
    except UnicodeEncodeError:
        return name


ACCEPTED = {
    "room": "room",
    "Room": "room",
    "BOARD-1": "board-1",
    "Board-1": "board-1",
    "My Room": "my%20room",
    " leading": "%20leading",
    "trailing ": "trailing%20",
    "two  spaces": "two%20%20spaces",
    "Ü": "%c3%bc",
    "Übung für Öl": "%c3%bcbung%20f%c3%bcr%20%c3%b6l",
    "U\u0308": "%c3%bc",
    "straße": "stra%c3%9fe",
    "STRAẞE": "stra%c3%9fe",
    "İstanbul": "i%cc%87stanbul",
    "ISTANBUL": "istanbul",
    "ısı": "%c4%b1s%c4%b1",
    "ΣΟΦΟΣ": "%cf%83%ce%bf%cf%86%ce%bf%cf%82",
    "ΣΣ ΣΑ": "%cf%83%cf%82%20%cf%83%ce%b1",
    "Москва": "%d0%bc%d0%be%d1%81%d0%ba%d0%b2%d0%b0",
    "会议": "%e4%bc%9a%e8%ae%ae",
    "שלום": "%d7%a9%d7%9c%d7%95%d7%9d",
    "हिन्दी": "%e0%a4%b9%e0%a4%bf%e0%a4%a8%e0%a5%8d%e0%a4%a6%e0%a5%80",
    "한글": "%ed%95%9c%ea%b8%80",
    "\u1112\u1161\u11ab": "%ed%95%9c",
    "party 🎉": "party%20%f0%9f%8e%89",
    "👩\u200d🚀": "%f0%9f%91%a9%e2%80%8d%f0%9f%9a%80",
    "🇫🇷": "%f0%9f%87%ab%f0%9f%87%b7",
    "\U0001fae8": "%f0%9f%ab%a8",  # an emoji of Unicode 15
    "𝕽𝖔𝖔𝖒": "room",
    "Ｒｏｏｍ": "room",
    "ﬁne": "fine",
    "x²": "x2",
    "Ⅷ": "viii",
    "①": "1",
    "℡": "tel",
    "Kelvin\u212a": "kelvink",
    "Å\u212b": "%c3%a5%c3%a5",
    "a\u00a0b": "a%20b",
    "a\u3000b": "a%20b",
    "a\u2003b": "a%20b",
    "Ǆ": "d%c5%be",
    "ſ": "s",
    "%20": "%2520",
    "%2F": "%252f",
    "%2f..%2f": "%252f..%252f",
    "%2e%2e": "%252e%252e",
    "100%": "100%25",
    "%": "%25",
    "%zz": "%25zz",
    "%C3%9C": "%25c3%259c",
    "...": "...",
    ".hidden": ".hidden",
    "v1.2": "v1.2",
    "a..b": "a..b",
    "dash-under_tilde~": "dash-under_tilde~",
    "back\\slash": "back%5cslash",
    "\\\\evil.example\\x": "%5c%5cevil.example%5cx",
    "pipe|brace{}": "pipe%7cbrace%7b%7d",
    "caret^tick`": "caret%5etick%60",
    "soft\u00adhyphen": "soft%c2%adhyphen",
    "jwt": "jwt",
    "0": "0",
    "null": "null",
    "ロビー": "%e3%83%ad%e3%83%93%e3%83%bc",
    "ﾛﾋﾞｰ": "%e3%83%ad%e3%83%93%e3%83%bc",
    "a" * 1023: "a" * 1023,
}

REFUSED = {
    "": "empty",
    " ": "empty",
    "\u3000": "empty",
    ".": "dots",
    "..": "dots",
    "\u2024\u2024": "dots",  # one-dot leaders
    "\u2025": "dots",  # a two-dot leader
    "a" * 1024: "too_long",
    "ü" * 171: "too_long",
    "\ufdfa" * 60: "too_long",  # NFKC makes 18 characters of each
    "*": "forbidden_character",
    "＊": "forbidden_character",
    "﹡": "forbidden_character",
    "／／evil.example": "forbidden_character",
    "a／b": "forbidden_character",
    "＃x": "forbidden_character",
    "﹖x": "forbidden_character",
    "a：b": "forbidden_character",
    "℀": "forbidden_character",  # NFKC: a/c
    "\u037e": "forbidden_character",  # the Greek question mark is a semicolon
    "a=\u0338b": "forbidden_character",  # NFKC hides it in U+2260
    "⒜": "forbidden_character",  # NFKC: (a)
    "//evil.example": "forbidden_character",
    "http://evil.example/x": "forbidden_character",
    "[other]room": "forbidden_character",
    "［other］room": "forbidden_character",
    "a\nb": "control_character",
    "a\r\nLocation: x": "control_character",
    "a\tb": "control_character",
    "a\x00": "control_character",
    "\x7f": "control_character",
    "a\x85b": "control_character",
    "a\u2028b": "control_character",
    **dict.fromkeys(["\ud800", "a\udc00b", "a\ufffdb"], "broken_text"),
    "\uffff": "unknown_character",
    "\ufdd0": "unknown_character",
    "\U000e0fff": "unknown_character",
    "H\u0331": "unstable",
    "J\u030c": "unstable",
    **{f"a{char}b": "forbidden_character" for char in ":?#[]@!$&'()*+,;=></\""},
}
