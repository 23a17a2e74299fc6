"""Reads configurations as the command line does."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from issuer.settings.problems import ConfigError
from issuer.wiring.configuration import Configuration, load

URL = 'public_url = "https://auth.example.com/"\n'
JITSI = '[modules.jitsi]\nserver_url = "https://meet.example.com"\napp_id = "jitsi"\n'
SECRET = "542822d2b9d33a2a0aa7247c752da3a88c83e20b4c9d6da0ed49f20ebaf1eb00"


def read(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Configuration:
    file = folder / "issuer.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return load(file, environ or {})


def problems(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, environ)
    return [str(problem) for problem in caught.value.problems]
