"""Whatever TOML holds, reading it gives a configuration or a ConfigError."""

from contextlib import suppress
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from issuer.settings.base import Context
from issuer.settings.describe import sections
from issuer.settings.environment import Overlay
from issuer.settings.models import Settings
from issuer.settings.problems import ConfigError
from issuer.wiring.configuration import Configuration, option_text, parse
from issuer.wiring.plugins import BACKENDS, MODULES, known
from modules.jitsi.settings import JitsiSettings

NAMES = sorted(
    {
        name
        for model in (Settings, JitsiSettings)
        for section in sections(model)
        for name in section.path.split(".")
    }
    | {option.name for model in (Settings, JitsiSettings) for s in sections(model) for option in s.options}
    | {*known(MODULES), *known(BACKENDS), "modules", "backends", "type", "app_secret_file", "url_env"}
)
KEYS = st.sampled_from(NAMES) | st.text(max_size=20)
SCALARS: st.SearchStrategy[Any] = (
    st.text(max_size=40)
    | st.sampled_from(["https://a.example/", "5m", ":8080", "1", "RS256", "10.0.0.0/8", *NAMES])
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.sampled_from([datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), time(1, 2)])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
FILES = st.dictionaries(KEYS, VALUES, max_size=5)
CONTEXT = Context({"X": "y"}, Path("/nowhere"))


@settings(max_examples=50)
@given(
    FILES,
    st.dictionaries(st.sampled_from(["jitsi", "x"]), st.dictionaries(KEYS, VALUES, max_size=6), max_size=2),
)
def test_parsing_gives_a_configuration_or_an_error(data: dict[str, Any], modules: dict[str, Any]) -> None:
    data = {"public_url": "https://a.example/", **data}
    data.setdefault("modules", modules)
    with suppress(ConfigError):
        assert isinstance(parse(data, CONTEXT), Configuration)


@given(
    FILES,
    st.dictionaries(
        st.lists(KEYS, min_size=1, max_size=4).map(lambda names: "ISSUER__" + "__".join(names).upper()),
        st.text(max_size=20) | st.sampled_from(["[]", "{}", '{"a": 1}', "[[[", "NaN", "[1e999]"]),
        max_size=5,
    ),
)
def test_variables_over_a_file_give_a_configuration_or_a_config_error(
    data: dict[str, Any], environ: dict[str, str]
) -> None:
    with suppress(ConfigError):
        Overlay(data, environ)
        parse(data, CONTEXT)


@given(st.text() | st.lists(KEYS, max_size=4).map(".".join))
def test_looking_for_an_option_gives_text_or_nothing(path: str) -> None:
    jitsi = {"server_url": "https://meet.example.com", "app_id": "x", "app_secret": "0123456789abcdef" * 3}
    found = parse({"public_url": "https://a.example/", "modules": {"jitsi": jitsi}}, CONTEXT)
    text = option_text(found, path)
    assert text is None or isinstance(text, str)
    assert option_text(found, "modules.jitsi.rule") == "1"
    assert option_text(found, "modules.jitsi.app_secret") is None
