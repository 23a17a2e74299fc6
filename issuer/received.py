"""The body of a request that has arrived as a whole, within the limit of the server that read it."""

import io


class Received(io.BytesIO):
    """Such a body, as `wsgi.input`: whoever reads it need not count again."""
