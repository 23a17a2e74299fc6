"""Types of options: names of homeservers."""

from typing import Annotated

from pydantic import AfterValidator

from issuer.matrix.names import BadNameError, parse_server_name


def server_name(text: str) -> str:
    """Return a server name; raise ValueError, with what to write, when it is none."""
    try:
        return parse_server_name(text).text
    except BadNameError:
        raise ValueError(f'"{text}" is not a server name: write it as "example.com"') from None


ServerNameOption = Annotated[str, AfterValidator(server_name)]
"""A homeserver's name, as in "example.com" or "localhost:8448"."""
