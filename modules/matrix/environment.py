"""The environment variables of the User Verification Service: with them and no file, we stand in for it."""

from collections.abc import Mapping

from issuer.settings.problems import ConfigError, Problem
from issuer.wiring.environments import Environment, Start

SECTION = "modules.matrix"
ADDRESS, PORT = "127.0.0.1", "3000"
PUBLIC_URL = "http://localhost/"
"""Required by the portal, which nobody uses here."""
THREADS = 64
"""Request threads of a worker. They do nothing but wait for homeservers here."""
LEVELS = {
    "error": "error",
    "warn": "warning",
    "warning": "warning",
    "info": "info",
    "http": "info",
    "verbose": "debug",
    "debug": "debug",
    "silly": "debug",
}
ANY = "*"


class VerificationEnvironment(Environment):
    """The User Verification Service's variables, with its meaning of each."""

    options = {  # noqa: RUF012 - declared a ClassVar where it comes from
        "UVS_ACCESS_TOKEN": "matrix.homeservers.*.access_token",
        "UVS_HOMESERVER_URL": "matrix.homeservers.*.url",
        "UVS_AUTH_TOKEN": f"{SECTION}.api_token",
        "UVS_OPENID_VERIFY_SERVER_NAME": f"{SECTION}.server_names",
        "UVS_LISTEN_ADDRESS": "server.bind",
        "UVS_PORT": "server.bind",
        "UVS_LOG_LEVEL": "log.level",
        "UVS_DISABLE_IP_BLACKLIST": "upstream.allow_private_networks",
    }

    def read(self, environ: Mapping[str, str]) -> Start:
        """Turn the variables into a configuration."""
        given = {name: environ[name].strip() for name in self.given(environ)}
        problems = [
            Problem(name, "is required")
            for name in ("UVS_ACCESS_TOKEN", "UVS_HOMESERVER_URL")
            if not given.get(name)
        ]
        level = given.get("UVS_LOG_LEVEL", "info").lower()
        if level not in LEVELS:
            problems.append(Problem("UVS_LOG_LEVEL", f"must be one of {', '.join(LEVELS)}"))
        if problems:
            raise ConfigError(problems)
        return Start(_configuration(given, LEVELS[level]))


def _configuration(given: Mapping[str, str], level: str) -> dict[str, object]:
    address, port = given.get("UVS_LISTEN_ADDRESS", ADDRESS), given.get("UVS_PORT", PORT)
    host = f"[{address}]" if ":" in address else address
    server_name = given.get("UVS_OPENID_VERIFY_SERVER_NAME")
    module: dict[str, object] = {"at_root": True, "allow_weak_token": True}
    if server_name:
        module["server_names"] = [server_name]
    if "UVS_AUTH_TOKEN" in given:
        module["api_token"] = given["UVS_AUTH_TOKEN"]
    homeserver = {"url": given["UVS_HOMESERVER_URL"], "access_token": given["UVS_ACCESS_TOKEN"]}
    return {
        "public_url": PUBLIC_URL,
        "server": {"bind": f"{host}:{port}", "threads": THREADS},
        "log": {"level": level},
        "upstream": {"allow_private_networks": given.get("UVS_DISABLE_IP_BLACKLIST", "").lower() == "true"},
        "backends": {"local": {"enabled": False}},
        "matrix": {"homeservers": {ANY: homeserver}},
        "modules": {"matrix": module},
    }
