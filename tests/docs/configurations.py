"""Configurations of the documentation, made whole and loaded as `issuer serve` loads them."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask

import issuer.keys as ring
from issuer.app import World, create_app, parts
from issuer.settings.base import Context
from issuer.wiring.configuration import parse
from tests.fakes import FakeClock
from tests.upstream.authority import Authority

SECRET = "542822d2b9d33a2a0aa7247c752da3a88c83e20b4c9d6da0ed49f20ebaf1eb00"


def whole(text: str) -> dict[str, Any]:
    """Read a block; what is required and left out gets a value, so that everything else is judged."""
    data = tomllib.loads(text)
    data.setdefault("public_url", "https://auth.example.com/")
    for name, section in data.get("modules", {}).items():
        if section.get("type", name) == "jitsi" and "preset" not in section:
            section.setdefault("server_url", "https://meet.example.com")
            section.setdefault("app_id", "jitsi")
            if section.get("algorithm", "HS256") == "HS256" and not _has_secret(section, "app_secret"):
                section["app_secret"] = SECRET
        if section.get("type", name) == "livekit":
            _complete_livekit(section)
    return data


def _complete_livekit(section: dict[str, Any]) -> None:
    section.setdefault("url", "wss://sfu.example.com")
    section.setdefault("api_key", "APIexample")
    if not _has_secret(section, "api_secret"):
        section["api_secret"] = SECRET
    if "people" in section and not _has_secret(section["people"], "identity_secret"):
        section["people"]["identity_secret"] = SECRET


def _has_secret(section: dict[str, Any], name: str) -> bool:
    return any(f"{name}{source}" in section for source in ("", "_env", "_file"))


def make_key(folder: Path) -> Path:
    """Make a key ring with a key of each use."""
    for use in ("jitsi", "oidc"):
        ring.generate(folder, use=use, kind="rsa-2048", clock=FakeClock(), retention=60.0)
    kid = ring.FixedKid("vpaas-magic-cookie-1f3c5a7e9b2d4f6081a3c5e7092b4d6f/4a7c1e")
    ring.generate(folder, use="jaas", kind="rsa-2048", clock=FakeClock(), retention=60.0, kid=kid)
    return folder


def application(data: dict[str, Any], folder: Path, keys: Path, world: World | None = None) -> Flask:
    """Build the application, with its data in a folder, where every secret is that is named."""
    data.setdefault("keys", {"directory": str(keys)})
    environ: dict[str, str] = {}
    for option, value in _named_secrets(data):
        if option.endswith("_file"):
            (folder / value).write_text(_secret_for(option, folder))
        else:
            environ[value] = SECRET
    return create_app(parse(data, Context(environ, folder)), world)


def close(app: Flask) -> None:
    """Close what an application has open."""
    parts(app).store.close()


def _secret_for(option: str, folder: Path) -> str:
    if option == "ca_file":
        return Authority(folder).path.read_text()
    return "postgresql://issuer@db.example.org/issuer" if option == "url_file" else SECRET


def _named_secrets(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        if isinstance(value, dict):
            yield from _named_secrets(value)
        elif isinstance(value, list):
            for entry in (entry for entry in value if isinstance(entry, dict)):
                yield from _named_secrets(entry)
        elif name.endswith(("_file", "_env")):
            yield name, value
