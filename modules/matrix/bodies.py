"""The bodies of requests, and what callers read when one cannot be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from issuer.errors import BadRequestError, ForbiddenError
from issuer.jsontext import strict_json

LONGEST_TEXT = 16_384
"""Characters of a field, OpenID tokens among them."""


class BadBodyError(BadRequestError):
    """The body cannot be read; `text` tells the caller why, in words of ours only."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class BadApiTokenError(ForbiddenError):
    """The caller does not show the API token."""

    code = "bad_api_token"


@dataclass(frozen=True, slots=True)
class VerificationRequest:
    """What a request asks."""

    token: str = field(repr=False)
    """The OpenID token."""
    server_name: str
    room_id: str = ""
    """Empty for /verify/user."""


def parse(body: bytes, default_server: str | None, *, with_room: bool) -> VerificationRequest:
    """Read a body; fields that we do not know are left alone.

    Raises:
        BadBodyError: it is no JSON object, or a field is missing or cannot be.
    """
    try:
        data = strict_json(body)
    except ValueError:
        raise BadBodyError("the body is not JSON") from None
    if not isinstance(data, dict):
        raise BadBodyError("the body is not a JSON object")
    name = "matrix_server_name"
    server = default_server if default_server and data.get(name) is None else _text(data, name)
    return VerificationRequest(_text(data, "token"), server, _text(data, "room_id") if with_room else "")


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if value is None or value == "":
        raise BadBodyError(f"{name} is missing")
    if not isinstance(value, str):
        raise BadBodyError(f"{name} must be a text")
    if len(value) > LONGEST_TEXT:
        raise BadBodyError(f"{name} is too long")
    try:
        value.encode()
    except UnicodeEncodeError:  # RFC 8259 §8.2: a lone surrogate
        raise BadBodyError(f"{name} is not Unicode text") from None
    return value
