"""The OpenID Provider: codes and refresh tokens exchanged for tokens, discovery and keys.

Every code and every refresh token counts once, so they are laid into the store beforehand.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import issuer.keys as ring
from bench.baselines.signing import signing_rate
from bench.figures import FULL, Figure, ratios
from bench.load import Result, put
from bench.product import Product
from bench.servers import baseline, free_port, running
from issuer.backends.local import LocalUsers, identity_of
from issuer.cli import Shell
from issuer.commands.init import make_keys
from issuer.store.database import digest, parts
from modules.oidc.store.grants import Details, Grant, values_of
from modules.oidc.store.tables import grants, refresh_tokens

SCRIPT = Path(__file__).with_name("oidc.lua")
EACH = 60_000
"""Codes, and refresh tokens, for each algorithm."""
SECRET = "k7Zq2mWx9Tb4Vd8Rf1Lc6Yp3"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""RFC 7636 appendix B."""
REDIRECT = "https://wiki.example.com/callback"
CONFIGURATION = f"""\
public_url = "http://127.0.0.1:{{port}}/"

[server]
bind = "127.0.0.1:{{port}}"

[modules.oidc.clients.rs256]
secret = "{SECRET}"
redirect_uris = ["{REDIRECT}"]

[modules.oidc.clients.es256]
secret = "{SECRET}"
redirect_uris = ["{REDIRECT}"]
algorithm = "ES256"
"""


def figures(directory: Path) -> Iterator[Figure]:
    """Measure every figure; each exchange must have two issuances."""
    folder = directory / "oidc"
    product = Product(folder, 1, CONFIGURATION)
    prepare(Shell(str(folder / "issuer.toml"), {}))
    with ExitStack() as stack:
        stack.enter_context(product.running())
        port = free_port()
        stack.enter_context(baseline(directory, port))

        def bare(path: str) -> Callable[[], float]:
            script = SCRIPT if path == "/json" else Path(__file__).with_name("load.lua")
            return lambda: put(FULL, f"http://127.0.0.1:{port}{path}", 0, script).rate

        def half_signing() -> float:
            return signing_rate(FULL.seconds) / 2

        for kind in ("code", "refresh"):
            values, note = ratios(exchange(product, kind, "rs256"), half_signing)
            yield Figure(
                f"OIDC {kind}, RS256 : half the signing rate", 0.35, values, f"{note} /s", is_ratio=True
            )
        es256, program = exchange(product, "code", "es256"), stack.enter_context(bare_exchange(directory))
        for name, bound, other in (("JSON route", 0.45, bare("/json")), ("program that does it", 1, program)):
            values, note = ratios(es256, other)
            yield Figure(f"OIDC code, ES256 : bare Flask {name}", bound, values, f"{note} /s", is_ratio=True)
        for path in ("/.well-known/openid-configuration", "/jwks"):
            subject = product.url(f"/oidc{path}")
            values, note = ratios(lambda url=subject: put(FULL, url).rate, bare("/text"))  # type: ignore[misc]
            yield Figure(f"OIDC {path[1:]} : bare route", 0.80, values, f"{note} /s", is_ratio=True)


def exchange(product: Product, kind: str, client: str) -> Callable[[], float]:
    """Return what exchanges codes or refresh tokens of a client, each once, and gives the rate."""
    send = each_once(product.url(f"/oidc/token?{kind}-{client}"))

    def measure() -> float:
        before = product.issuances()
        result = send()
        if (recorded := product.issuances() - before) < 2 * result.requests:
            raise RuntimeError(f"{result.requests} exchanges, and {recorded} issuances")
        return result.rate

    return measure


@contextmanager
def bare_exchange(directory: Path) -> Iterator[Callable[[], float]]:
    """Give what exchanges codes at a bare program, each once."""
    port, workers = free_port(), str(os.cpu_count() or 1)
    arguments = [str(port), workers, str(directory / "bare.db"), str(EACH)]
    command = [sys.executable, "-m", "bench.baselines.exchange", *arguments]
    send = each_once(f"http://127.0.0.1:{port}/token?code-es256")
    with running(command, port, directory / "bare.log"):
        yield lambda: send().rate


def each_once(url: str) -> Callable[[], Result]:
    """Return what loads a URL for a while; no code or refresh token is sent twice."""
    begun = 0

    def send() -> Result:
        nonlocal begun
        result = put(FULL, url, begun, SCRIPT)
        begun += result.requests + 2 * FULL.clients
        return result

    return send


def prepare(shell: Shell, each: int = EACH) -> None:
    """Make keys, codes and refresh tokens."""
    directory, retention = shell.key_directory(), ring.RETENTION_MARGIN
    make_keys(directory, "oidc", shell.clock)
    ring.generate(directory, use="oidc", kind="p-256", clock=shell.clock, retention=retention)
    shell.parts.store.migrate()
    database, now = shell.parts.store.database, shell.clock.now()
    identity = identity_of(LocalUsers(shell.parts.services).add("bench", SECRET, {"cn": "Bench"}, ("staff",)))
    rows: list[dict[str, Any]] = []
    tokens: list[dict[str, Any]] = []
    for client in ("rs256", "es256"):
        for number in range(each):
            grant = Grant(
                id=f"{client}-{number}",
                instance="oidc",
                client_id=client,
                identity=identity,
                auth_time=now,
                scope=("openid", "profile"),
                created_at=now,
                expires_at=now + 86400,
                details=Details(redirect_uri=REDIRECT, challenge=CHALLENGE, nonce="n", acr="1"),
                code_expires_at=now + 3600,
            )
            rows.append(values_of(grant) | {"code_hash": digest(f"oidc code-{client}-{number}")})
            hashed = digest(f"oidc refresh-{client}-{number}")
            tokens.append({"token_hash": hashed, "grant_id": grant.id, "expires_at": now + 86400})
    for table, laid_out in ((grants, rows), (refresh_tokens, tokens)):
        for part in parts(laid_out):  # a transaction has its deadline
            with database.write() as connection:
                connection.execute(table.insert(), part)
