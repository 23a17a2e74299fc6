"""JSON as RFC 8259 has it: what Python's reader takes beyond that is refused."""

import json
from typing import Any, NoReturn


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
