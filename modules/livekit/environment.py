"""The environment variables of lk-jwt-service: with them and no file, `issuer serve` stands in for it."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from issuer.settings.problems import ConfigError, Problem
from issuer.wiring.environments import Environment, Start
from modules.livekit.settings import EVERY

SECTION = "modules.livekit"
INSECURE = "YES_I_KNOW_WHAT_I_AM_DOING"
THREADS = 64
"""Request threads of a worker. They do nothing but wait for homeservers here, and one homeserver that is not
listed by name gets a quarter of them."""
LEVELS = {"debug": "debug", "info": "info", "warn": "warning", "warning": "warning", "error": "error"}
FLAGS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
BIND = ":8080"
PUBLIC_URL = "http://localhost/"
"""Required by the portal, which nobody uses here."""


class LiveKitEnvironment(Environment):
    """lk-jwt-service's variables, with its meaning of each."""

    options = {  # noqa: RUF012 - declared a ClassVar where it comes from
        "LIVEKIT_URL": f"{SECTION}.url",
        "LIVEKIT_KEY": f"{SECTION}.api_key",
        "LIVEKIT_KEY_FROM_FILE": f"{SECTION}.api_key",
        "LIVEKIT_SECRET": f"{SECTION}.api_secret",
        "LIVEKIT_SECRET_FROM_FILE": f"{SECTION}.api_secret_file",
        "LIVEKIT_KEY_FILE": f"{SECTION}.api_key and {SECTION}.api_secret",
        "LIVEKIT_FULL_ACCESS_HOMESERVERS": f"{SECTION}.full_access_homeservers",
        "LIVEKIT_JWT_BIND": "server.bind",
        "LIVEKIT_JWT_PORT": "server.bind",
        "LIVEKIT_SANITY_CHECK_INTERVAL_SECONDS": f"{SECTION}.sanity_check_interval",
        "LIVEKIT_LOG_LEVEL": "log.level",
        "LIVEKIT_CS_API_URL_OVERRIDES": f"{SECTION}.cs_api_urls",
        "LIVEKIT_REDIS_URL": f"{SECTION}.redis_url",
        "LIVEKIT_REDIS_PASSWORD": f"{SECTION}.redis_url",
        "LIVEKIT_CAN_UPDATE_OWN_METADATA": f"{SECTION}.can_update_own_metadata",
        "LIVEKIT_AS_TOKEN": f"{SECTION}.homeservers",
        "LIVEKIT_HS_SERVER_NAME": f"{SECTION}.homeservers",
        "LIVEKIT_INSECURE_SKIP_VERIFY_TLS": f"{SECTION}.insecure_skip_verify_tls",
    }

    def read(self, environ: Mapping[str, str]) -> Start:
        """Turn the variables into a configuration."""
        return _Reader({name: environ[name] for name in self.given(environ)}).start()


class _Reader:
    """Reads every variable, and collects what is wrong."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._problems: list[Problem] = []
        self._notes: list[str] = []

    def start(self) -> Start:
        """Return everything, or raise every problem."""
        bind = self._bind()
        module: dict[str, object] = {
            "url": self._required("LIVEKIT_URL"),
            **self._credentials(),
            "allow_weak_secret": True,
            "full_access_homeservers": self._homeservers(),
            "at_root": True,
            "cs_api_urls": self._overrides(),
            "can_update_own_metadata": self._flag("LIVEKIT_CAN_UPDATE_OWN_METADATA"),
            "insecure_skip_verify_tls": self._given.get("LIVEKIT_INSECURE_SKIP_VERIFY_TLS") == INSECURE,
        }
        module |= self._delegation()
        level = self._level()
        if self._problems:
            raise ConfigError(self._problems)
        data = {
            "public_url": PUBLIC_URL,
            "server": {"bind": bind, "threads": THREADS},
            "log": {"level": level},
            "backends": {"local": {"enabled": False}},
            "modules": {"livekit": module},
        }
        return Start(data, tuple(self._notes))

    def _wrong(self, name: str, text: str) -> None:
        self._problems.append(Problem(name, text))

    def _required(self, name: str) -> str:
        if name not in self._given:
            self._wrong(name, "is required")
        return self._given.get(name, "").strip()

    def _credentials(self) -> dict[str, str]:
        if "LIVEKIT_KEY_FILE" in self._given:
            return self._key_file("LIVEKIT_KEY_FILE")
        return {"api_key": self._either("LIVEKIT_KEY"), "api_secret": self._either("LIVEKIT_SECRET")}

    def _key_file(self, name: str) -> dict[str, str]:
        text = self._file(name)
        key, _, secret = (part.strip() for part in text.partition(":"))
        if text and (not (key and secret) or "\n" in text):
            self._wrong(name, "the file must hold one line, as in `key: secret`")
        return {"api_key": key, "api_secret": secret}

    def _either(self, name: str) -> str:
        in_file = f"{name}_FROM_FILE"
        if name in self._given and in_file in self._given:
            self._wrong(name, f"is given twice, here and by {in_file}: keep one")
        if in_file in self._given:
            return self._file(in_file)
        if name not in self._given:
            self._wrong(name, f"is required (or {in_file}, or LIVEKIT_KEY_FILE)")
        return self._given.get(name, "").strip()

    def _file(self, name: str) -> str:
        try:
            text = Path(self._given[name]).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            self._wrong(name, f"cannot read {self._given[name]}: {reason}")
            return ""
        if not text:
            self._wrong(name, f"{self._given[name]} is empty")
        return text

    def _homeservers(self) -> list[str]:
        name = "LIVEKIT_FULL_ACCESS_HOMESERVERS"
        names = re.split(r"[,\s]+", self._required(name))
        found = [text for text in names if text]
        if not found and name in self._given:
            self._wrong(name, "names no homeserver: write their names, or *")
        if EVERY in found and len(found) > 1:  # lk-jwt-service takes it as the name of a homeserver then
            self._wrong(name, "* means every homeserver only when it stands alone: leave out the names, or *")
        return found

    def _bind(self) -> str:
        bind, port = self._given.get("LIVEKIT_JWT_BIND"), self._given.get("LIVEKIT_JWT_PORT")
        if port is None:
            return bind or BIND
        if bind is not None:
            self._wrong("LIVEKIT_JWT_PORT", "contradicts LIVEKIT_JWT_BIND: remove it")
        self._notes.append("LIVEKIT_JWT_PORT is deprecated: use LIVEKIT_JWT_BIND")
        return f":{port}"

    def _level(self) -> str:
        text = self._given.get("LIVEKIT_LOG_LEVEL", "info").strip().lower()
        if text not in LEVELS:
            self._wrong("LIVEKIT_LOG_LEVEL", "must be debug, info, warn or error")
        return LEVELS.get(text, "info")

    def _overrides(self) -> dict[str, str]:
        name = "LIVEKIT_CS_API_URL_OVERRIDES"
        found: dict[str, str] = {}
        for entry in self._given[name].split(",") if name in self._given else ():
            server, equals, url = (part.strip() for part in entry.partition("="))
            if not (server and equals and url):
                self._wrong(name, "must be server=url, with commas between several")
            elif server in found:
                self._wrong(name, f"names {server} twice")
            found[server] = url
        return found

    def _delegation(self) -> dict[str, object]:
        name = "LIVEKIT_SANITY_CHECK_INTERVAL_SECONDS"
        text = self._given.get(name, "0").strip()
        found: dict[str, object] = {}
        if not (text.isascii() and text.isdecimal()):
            self._wrong(name, "must be a whole number of seconds, 0 or more")
        elif seconds := int(text[:9]):
            found["sanity_check_interval"] = seconds
        return found | self._redis() | self._homeserver()

    def _redis(self) -> dict[str, str]:
        name, secret = "LIVEKIT_REDIS_URL", "LIVEKIT_REDIS_PASSWORD"
        url, password = self._given.get(name, "").strip(), self._given.get(secret)
        if password is None:
            return {"redis_url": url} if url else {}
        scheme, _, rest = url.partition("://")
        user, _, where = rest.rpartition("@")
        if not url:
            self._wrong(secret, f"does nothing without {name}")
        elif ":" in user:
            self._wrong(secret, f"{name} has a password already: remove one")
        return {"redis_url": f"{scheme}://{user}:{quote(password, safe='')}@{where}"}

    def _flag(self, name: str) -> bool:
        text = self._given.get(name, "false").strip().lower()
        if text not in FLAGS:
            self._wrong(name, "must be true or false")
        return FLAGS.get(text, False)

    def _homeserver(self) -> dict[str, object]:
        token, name = "LIVEKIT_AS_TOKEN", "LIVEKIT_HS_SERVER_NAME"
        if token not in self._given:
            return {}
        if name not in self._given:
            self._wrong(name, f"is required with {token}: whose application service it is")
        entry = {"name": self._given.get(name, "").strip(), "as_token": self._given[token].strip()}
        return {"homeservers": [entry]}
