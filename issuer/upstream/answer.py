"""What another server answered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from issuer.upstream.errors import BadAnswerError


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names compare without regard to case."""
    body: bytes = field(repr=False)

    def json(self) -> object:
        """Return the body as JSON.

        Raises:
            BadAnswerError: when it is none.
        """
        try:
            found: object = json.loads(self.body)
        except (ValueError, RecursionError):
            raise BadAnswerError(f"an answer with status {self.status} is no JSON") from None
        return found
