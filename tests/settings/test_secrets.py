"""Secrets: exactly one source, and never printed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from issuer.backend import Backend
from issuer.module import Module
from issuer.settings.base import SOURCES, Context, is_secret
from issuer.settings.describe import section_in
from issuer.settings.models import Settings
from issuer.settings.problems import ConfigError
from issuer.wiring.configuration import load, parse
from issuer.wiring.plugins import BACKENDS, MODULES, known
from issuer.wiring.plugins import load as load_plugin
from tests.settings.reading import JITSI, SECRET, URL, problems, read

MARKER = "mArKeR7e1f0b"


def test_a_secret_has_three_forms(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"  {SECRET}\n\n")
    for form in (f"app_secret = '{SECRET}'", "app_secret_file = 'secret'", "app_secret_env = 'ELSEWHERE'"):
        (instance,) = read(tmp_path, URL + JITSI + form, {"ELSEWHERE": SECRET}).modules
        assert instance.settings.app_secret.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("forms", "problem"),
    [
        ({"url": "'a'", "url_env": "'B'"}, "store.url: is given 2 times (url, url_env): keep exactly one"),
        (
            {"url": "1", "url_env": "2", "url_file": "3"},
            "store.url: is given 3 times (url, url_env, url_file): keep exactly one",
        ),
        ({"url_env": "'GONE'"}, "store.url_env: names an environment variable that is not set"),
        ({"url_env": "'EMPTY'"}, "store.url_env: is empty"),
        ({"url": "''"}, "store.url: is empty"),
        ({"url": "3"}, "store.url: must be text in quotation marks"),
        ({"url_file": "['a']"}, "store.url_file: must be text in quotation marks"),
        (
            {"url_file": "'gone'"},
            "store.url_file: cannot be read, starting from {}: No such file or directory",
        ),
        ({"url_file": "'.'"}, "store.url_file: cannot be read, starting from {}: Is a directory"),
        ({"url_file": '"a\\u0000"'}, "store.url_file: cannot be read, starting from {}: it is no text file"),
        ({"url_file": "'binary'"}, "store.url_file: cannot be read, starting from {}: it is no text file"),
    ],
)
def test_a_secret_has_exactly_one_source(tmp_path: Path, forms: dict[str, str], problem: str) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    text = URL + "[store]\nissuance_retention = 'x'\n" + "".join(f"{k} = {v}\n" for k, v in forms.items())
    told = problems(tmp_path, text, {"EMPTY": ""})
    assert problem.format(tmp_path) in told
    assert len(told) == 2, "the other mistakes of the section are told too"


def test_a_file_with_a_secret_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    secret, file, key = (tmp_path / name for name in ("secret", "issuer.toml", "tls.key"))
    secret.write_text(SECRET)
    tls = "[server]\ntls_certificate = 'tls.pem'\ntls_key = 'tls.key'\n"
    text = URL + tls + JITSI + "app_secret_file = 'secret'\n"
    for path in (secret, key):
        path.touch(0o640)
        path.chmod(0o640)
    assert read(tmp_path, text).warnings == ()
    for path in (secret, key):
        path.chmod(0o644)
    assert read(tmp_path, text).warnings == tuple(
        f"{path} holds a secret and others can read it: run `chmod o= {path}`" for path in (secret, key)
    )
    file.write_text(URL + JITSI + f"app_secret = '{SECRET}'\n")
    file.chmod(0o644)
    (warning,) = load(file, {}).warnings
    assert warning.startswith(f"{file} holds a secret")
    assert load(file, {"ISSUER__MODULES__JITSI__APP_SECRET": SECRET}).warnings == ()


def secrets_in(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        nested = section_in(field.annotation)
        if is_secret(field.annotation):
            yield from ((*path, name + source) for source in ("", *SOURCES))
        elif nested:
            named = ("example.com",) if get_origin(field.annotation) is dict else ()
            yield from secrets_in(nested, (*path, name, *named))


def every_secret() -> list[tuple[str, ...]]:
    found = list(secrets_in(Settings))
    for name in known(MODULES):
        found += secrets_in(load_plugin(MODULES, name, Module).Settings, ("modules", name))
    for name in known(BACKENDS):
        found += secrets_in(load_plugin(BACKENDS, name, Backend).Settings, ("backends", name))
    return found


SECRET_PATHS = every_secret()
MARKED: st.SearchStrategy[Any] = st.sampled_from(
    [MARKER, MARKER * 20, [MARKER], {MARKER: MARKER}, {"x": MARKER}]
)
UNKNOWN = st.sampled_from([("colour",), ("server", "colour"), ("modules", "jitsi", "user", "colour")])


def put(data: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    for name in path[:-1]:
        data = data.setdefault(name, {})
    data[path[-1]] = value


def test_there_are_secrets_to_look_for() -> None:
    assert ("store", "url") in SECRET_PATHS
    assert ("modules", "jitsi", "app_secret_file") in SECRET_PATHS


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from(SECRET_PATHS) | UNKNOWN, MARKED, min_size=1, max_size=6),
    st.sampled_from([{}, {"server": {"workers": "x"}}, {"sessions": {"lifetime": 1}}]),
)
def test_no_secret_is_ever_in_an_error(marked: dict[tuple[str, ...], Any], wrong: dict[str, Any]) -> None:
    data: dict[str, Any] = {name: dict(section) for name, section in wrong.items()}
    for path, value in marked.items():
        put(data, path, value)
    try:
        shown = repr(parse(data, Context({}, Path("/nowhere"))))
    except ConfigError as error:
        shown = f"{error} {error!r} {error.problems} {error.__cause__}"
    assert MARKER not in shown


@given(
    st.sampled_from(["__APP_SECRET", "__USER", "", "__FEATURES", "__ROOMS", "__ALGORITHM_"]), st.booleans()
)
def test_no_secret_in_broken_json_is_in_an_error(option: str, whole: bool) -> None:
    text = f'{{"app_secret": "{MARKER}", "rooms": [{{"match": "{MARKER}"' + ('"}]}' if whole else "")
    environ = {"ISSUER__PUBLIC_URL": "https://a.example/", f"ISSUER__MODULES__JITSI{option}": text}
    with pytest.raises(ConfigError) as caught:
        load(None, environ)
    assert MARKER not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        load(None, {"ISSUER__MODULES": text, "ISSUER__SERVER": text, "ISSUER__STORE__URL_ENV": MARKER})
    assert MARKER not in str(caught.value)


def test_no_secret_is_in_a_repr(tmp_path: Path) -> None:
    text = URL + f"[store]\nurl = 'postgresql://x:{SECRET}@h/d'\n" + JITSI + f"app_secret = '{SECRET}'\n"
    found = read(tmp_path, text)
    for thing in (found, found.settings, found.modules, found.modules[0].settings):
        assert SECRET not in f"{thing!r} {thing}"
