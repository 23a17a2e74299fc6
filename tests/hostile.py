"""Texts that strangers send to burn the machine, and a spy that sees what the product does with them."""

import hashlib
import hmac
import re
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import issuer

ROOT = Path(issuer.__file__).parent.parent
OURS = (f"{ROOT}/issuer/", f"{ROOT}/modules/")
MARKS = "a" + "".join(map(chr, range(0x300, 0x345)))
UNITS = [
    *(
        MARKS,
        "\u0300\u0323",
        "\u0344",
        "\u1e9b\u0323",
        "\ufdfa",
        "\u1100\u1161\u11a8",
        "\u0f73\u0f75",
        "\ufb03",
    ),
    *(
        "\ud800",
        "\udfff",
        "\ud83d\udca9",
        "\U0001f469\u200d",
        "\u202e",
        "\u00ad",
        "\u2028",
        "\u0085",
        "\ufeff",
    ),
    *("9", "0x", "1.", "-1", "1e9", "\uff11", "\u0660", "\u0130", "\u00df", "\u00e9", "a", "A", "=?"),
    *("(", "[", "{", "<", "()", "[]", "({", "*", "*)(uid=*", "\\", "\\2a", '"', "'", '{"a":', "[1,"),
    *(
        ".",
        "..",
        "../",
        "/",
        "//",
        ":",
        "@",
        "@a.",
        ",",
        ", ",
        ";",
        "; ",
        "a=b; ",
        "&",
        "=",
        "&a=",
        "%",
        "%25",
    ),
    *("%ff", "+", "-", "_", "~", "#", "?", "|", " ", "  ", "\t", "\r\n", "\0", "\x7f", "e30.", "Basic "),
]
"""What the texts are made of, over and over."""


def text_of(unit: str, size: int) -> str:
    """Return a text of about so many bytes in UTF-8."""
    return unit * max(1, size // len(unit.encode("utf-8", "surrogatepass")))


def names_in_source(*rooms: str) -> list[str]:
    """Return every name by which the product, or a room of it, asks for a field of something."""
    asked = re.compile(
        r"""(?:\.get(?:list)?|\.all|\.words|_text|_required|_single|_text_of)\((?:\w+, )?"([\w.-]{2,40})\""""
    )
    files = [
        file for room in rooms or ("/issuer/", "/modules/") for file in Path(f"{ROOT}{room}").rglob("*.py")
    ]
    return sorted({name for file in files for name in asked.findall(file.read_text())})


NORMALISED, HASHED, FILTERED, WHOLE = 1_100, 32_768, 256, 65_536
LIBRARY = 32_768
"""As long as a header."""
COOKIES = 32_768
METHODS = {"split", "rsplit", "partition", "rpartition", "splitlines", "casefold", "lower", "upper", "title"}
METHODS |= {"replace", "translate", "strip", "lstrip", "rstrip", "find", "count", "join", "removeprefix"}
BOUNDS = {
    "escape_filter_chars": FILTERED,
    "escape_dn_chars": FILTERED,
    "parse_cookie": COOKIES,
    **dict.fromkeys(("parse_qsl", "loads", "decode", "receive"), WHOLE),
    **dict.fromkeys(("_load_form_data", "__init__", "set_cookie"), WHOLE),
}
"""Bounds of functions of libraries, by name; those that read a whole body have the body's."""


class SpiedPattern:
    """A regular expression that tells how long what it is given is."""

    def __init__(self, pattern: re.Pattern[str], spy: "Spy", where: str) -> None:
        self._pattern, self._spy, self._where = pattern, spy, where
        self._bound = COOKIES if "cookies" in where else LIBRARY

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._pattern, name)
        if not callable(found):
            return found

        def call(*args: Any, **named: Any) -> Any:
            if _longest((*args, *named.values())) > self._bound:
                self._spy.found.add((f"{self._where} {name}", self._bound))
            return found(*args, **named)

        return call


class Spy:
    """Notes every function that is given more than its bound, by our source or through it, on any thread."""

    def __init__(self) -> None:
        self.found: set[tuple[str, int]] = set()
        self.seen: set[str] = set()
        """What was watched at work at all."""
        self._ours: dict[CodeType, bool] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what this thread does."""
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(None)

    @contextmanager
    def watching_new_threads(self) -> Iterator[None]:
        """Watch every thread that begins meanwhile, to its end."""
        threading.setprofile(self._profile)
        try:
            yield
        finally:
            threading.setprofile(None)

    def _profile(self, frame: FrameType, event: str, arg: Any) -> None:
        """Called for every call of everything: so it is quick where there is nothing to see."""
        if event == "call":
            code = frame.f_code
            if code not in self._ours:
                self._ours[code] = code.co_filename.startswith(OURS)
            back = frame.f_back
            if back is not None and not self._ours[code] and self._ours.get(back.f_code):
                self._judge_call(code, frame, back)
        elif event == "c_call" and self._ours.get(frame.f_code) and arg.__name__ in METHODS:
            owner = arg.__self__
            if isinstance(owner, str | bytes) and len(owner) > LIBRARY:
                self.found.add((f"{_where(frame)} {arg.__name__}", LIBRARY))

    def _judge_call(self, code: CodeType, frame: FrameType, back: FrameType) -> None:
        self.seen.add(code.co_name)
        given = map(frame.f_locals.get, code.co_varnames[: code.co_argcount])
        if _longest(given) > (bound := BOUNDS.get(code.co_name, LIBRARY)):
            self.found.add((f"{_where(back)} -> {code.co_name}", bound))

    def replace(self, put: Callable[[Any, str, Any], None]) -> None:
        """Put spies in the place of what Python does not tell about."""
        for module, names, bound in (
            (unicodedata, ["normalize"], NORMALISED),
            (hashlib, ["sha256", "sha512", "sha1"], HASHED),
            (hmac, ["digest", "compare_digest", "new"], HASHED),
        ):
            for name in names:
                put(module, name, self._spied(getattr(module, name), name, bound))
        for name, module in list(sys.modules.items()):
            if name.startswith(("issuer.", "modules.")):
                for key, value in list(vars(module).items()):
                    if isinstance(value, re.Pattern):
                        put(module, key, SpiedPattern(value, self, f"{name}.{key}"))

    def _spied(self, real: Callable[..., Any], name: str, bound: int) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            caller = sys._getframe(1)
            if caller.f_code.co_filename.startswith(OURS):
                # The SFU signs the hash of a body: that is looked at first.
                most = WHOLE if caller.f_code.co_filename.endswith("webhooks.py") else bound
                self.seen.add(name)
                if _longest((*args, *named.values())) > most:
                    self.found.add((f"{_where(caller)} {name}", most))
            return real(*args, **named)

        return call


def _longest(values: Iterable[Any]) -> int:
    return max((len(value) for value in values if isinstance(value, str | bytes)), default=0)


def _where(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename.removeprefix(str(ROOT))}:{frame.f_code.co_name}"
