"""Serving: processes, sockets, threads, limits. It knows a WSGI application and nothing of what that does.

The parent process opens the sockets, forks the workers and the exporter of metrics, and replaces those
that die or are stuck. Each worker has Granian's HTTP engine, an event loop on which bodies arrive, and
threads that run the application. With TLS it has a process beside it that speaks it.
"""

from issuer.serving.options import ServeOptions, StartError
from issuer.serving.server import serve

__all__ = ["ServeOptions", "StartError", "serve"]
