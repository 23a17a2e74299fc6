"""The Flask application at its one address."""

from urllib.parse import urlsplit

from flask import Flask, Request
from werkzeug.routing import MapAdapter


class Site(Flask):
    """A Flask application whose scheme and host the configuration names; no request's `Host` is asked."""

    def __init__(self, name: str, public_url: str) -> None:
        """Keep the address at which browsers reach it."""
        super().__init__(name)
        self._address = urlsplit(public_url)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what leads a request to its route."""
        if request is None:
            return super().create_url_adapter(None)
        environ = request.environ
        return self.url_map.bind(
            self._address.netloc,
            subdomain="",
            url_scheme=self._address.scheme,
            default_method=environ["REQUEST_METHOD"],
            path_info=environ["PATH_INFO"].encode("latin-1").decode(errors="replace"),  # PEP 3333
            query_args=environ.get("QUERY_STRING", ""),
        )
