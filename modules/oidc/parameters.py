"""The parameters of a request, read strictly: what strangers send to every endpoint."""

from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749.errors import InvalidRequestError

MOST = 60
LONGEST = 8192
REPEATABLE = frozenset({"resource", "audience"})
"""RFC 8707 §2 and RFC 8693 §2.1; every other parameter stands there once (RFC 6749 §3.1, §3.2)."""


class Parameters(dict[str, str]):
    """Parameters by name; a value that is empty counts as absent (RFC 6749 §3.1). Nobody changes them."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        """Keep the pairs of a request.

        Raises:
            InvalidRequestError: one is repeated that may not be, is too long, or no text.
        """
        if len(pairs) > MOST:
            raise InvalidRequestError("There are too many parameters.")
        self._lists: dict[str, list[str]] = {}
        for name, value in pairs:
            _check(name, value)
            if name in self._lists and name not in REPEATABLE:
                raise InvalidRequestError("A parameter is there twice.")
            self._lists.setdefault(name, []).append(value)
        super().__init__({name: values[0] for name, values in self._lists.items() if values[0]})

    @classmethod
    def parse(cls, encoded: bytes) -> "Parameters":
        """Read `application/x-www-form-urlencoded`; raise InvalidRequestError when it is none."""
        if not encoded:
            return cls([])
        try:
            pairs = parse_qsl(
                encoded.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MOST,
                strict_parsing=True,
            )
        except ValueError:
            raise InvalidRequestError("The parameters cannot be read.") from None
        return cls(pairs)

    def __repr__(self) -> str:
        """Show no value: codes, secrets and tokens are among them."""
        return "Parameters(…)"

    def all(self, name: str) -> list[str]:
        """Return every value of a parameter that may be repeated."""
        return [value for value in self._lists.get(name, []) if value]

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words of a value, without repetitions, in their order."""
        return tuple(dict.fromkeys(self.get(name, "").split()))

    def without(self, *names: str) -> list[tuple[str, str]]:
        """Return the pairs but those of some names, as they were sent."""
        return [
            (name, value) for name, values in self._lists.items() if name not in names for value in values
        ]


def _check(name: str, value: str) -> None:
    if len(name) > 100 or len(value) > LONGEST:
        raise InvalidRequestError("A parameter is too long.")
    if "\0" in name + value:
        raise InvalidRequestError("A parameter is no text.")
