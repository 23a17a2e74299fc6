"""What TLS of our own costs: the same logins over https and over http."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.figures import FULL, Figure, logins, ratios
from bench.product import CONFIGURATION, Product

SESSIONS = 1_000


def figures(directory: Path) -> Iterator[Figure]:
    """Measure logins with both algorithms; the connections are kept."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    tls = f'[server]\ntls_certificate = "{certificate}"\ntls_key = "{key}"'
    plain = Product(directory / "plain", SESSIONS)
    secure = Product(directory / "tls", SESSIONS, CONFIGURATION.replace("[server]", tls))
    with ExitStack() as stack:
        for product in (plain, secure):
            stack.enter_context(product.running())
            product.check()
        for instance, name in (("rs", "RS256"), ("hs", "HS256")):
            over_tls, over_http = (logins(product, instance, FULL) for product in (secure, plain))
            values, note = ratios(lambda: over_tls()[0], lambda: over_http()[0])  # noqa: B023 - called here
            yield Figure(f"login, {name}, TLS : the same over http", 0.7, values, f"{note} /s", is_ratio=True)
