"""JSON in ASCII, quickly: what every login writes three times and reads twice.

The fast library refuses or changes what it does not like (half a surrogate pair, a long integer, NaN). What
it does not write in plain ASCII is left to the standard library, so the text is the same in every case.
"""

import json
from collections.abc import Callable
from typing import Any, NoReturn

import orjson


def dump(value: object, default: Callable[[Any], Any] | None = None) -> bytes:
    """Return JSON (RFC 8259) in ASCII without spaces.

    Args:
        value: what to write.
        default: returns something that JSON has for what it has not.

    Raises:
        ValueError: a number is not finite.
        TypeError: JSON has no such value, and there is no `default`.
    """
    try:
        text = orjson.dumps(value, default)
    except TypeError:
        return _plain(value, default)
    # orjson writes null for NaN.
    return text if text.isascii() and b"null" not in text else _plain(value, default)


def _plain(value: object, default: Callable[[Any], Any] | None) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=default).encode()


def load(text: str) -> Any:
    """Return the value of a JSON text that `dump` has written.

    Raises:
        ValueError: it is none.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text)


def strict_json(body: bytes) -> Any:
    """Read a body.

    Raises:
        ValueError: it is no JSON, or an object has a name twice (RFC 8259 §4).
    """
    try:
        # RFC 8259 §8.1: UTF-8, without a byte order mark
        return _DECODER.decode(body.decode())
    except RecursionError:
        raise ValueError("nested too deep") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _no_number(_text: str) -> NoReturn:
    raise ValueError("JSON has no NaN and no infinity (RFC 8259 §6)")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number)
