"""What is wrong in a configuration is told all at once, with its path, its value and what to do."""

from pathlib import Path

import pytest

from issuer.backend import BackendSettings
from issuer.settings.problems import ConfigError
from issuer.wiring.configuration import load
from issuer.wiring.plugins import MODULES, known
from tests.settings.reading import JITSI, SECRET, URL, problems, read

BACKEND_OPTIONS = sorted(BackendSettings.model_fields)
INSTALLED = ", ".join(known(MODULES))


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = (
        '[server]\nbnd = ":8080"\nworkers = "many"\ntrusted_proxies = ["10.0.0.0/8", "x"]\n'
        '[sessions]\nidle_timeout = "5d"\n[modules.jitsi]\nservr_url = "x"\nuser.nme = "cn"\n'
        '[[modules.jitsi.rooms]]\nmatch = "x"\nrul = "1"\n[backends.local]\ncolour = "blue"\n'
        '[modules.meet]\ntype = "jtsi"\n'
    )
    assert problems(tmp_path, text) == [
        f"backends.local.colour: unknown option; known here: {', '.join(BACKEND_OPTIONS)}",
        "modules.jitsi.app_id: is required",
        "modules.jitsi.app_secret: is required with algorithm HS256, at least 32 bytes (or use RS256)",
        'modules.jitsi.rooms.0.rul: unknown option; did you mean "rule"?',
        "modules.jitsi.rooms.0.rule: is required",
        "modules.jitsi.server_url: is required",
        'modules.jitsi.servr_url: unknown option; did you mean "server_url"?',
        'modules.jitsi.user.nme: unknown option; did you mean "name"?',
        f'modules.meet.type: there is no type "jtsi"; installed are: {INSTALLED}',
        "public_url: is required",
        'server.bnd: unknown option; did you mean "bind"?',
        "server.trusted_proxies.1: not an address or network: write 192.0.2.7 or 2001:db8::/32 (given: 'x')",
        "server.workers: must be a whole number (given: 'many')",
        "sessions: idle_timeout is longer than lifetime: make it shorter",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[servr]\n", 'servr: unknown option; did you mean "server"?'),
        ("[store]\nurl_fil = 1\n", 'store.url_fil: unknown option; did you mean "url_file"?'),
        (
            '[matrix.homeservers."a.b"]\nurl = "https://a.b"\naccess_token = "x"\nurll = "x"\n',
            'matrix.homeservers.a.b.urll: unknown option; did you mean "url"?',
        ),
        (
            '[matrix.homeservers."https://a.b"]\nurl = "https://a.b"\naccess_token = "x"\n',
            'matrix.homeservers: "https://a.b" is not a server name: write it as "example.com"',
        ),
        (
            "[matrix]\nmembership_cache = -1\n",
            "matrix.membership_cache: must be 0 or more, and at most 100 years (given: -1)",
        ),
        ("server = 3\n", "server: must be a table, as in [section] (in a variable: JSON)"),
        ("modules = []\n", "modules: must be a table, as in [section] (in a variable: JSON)"),
        ("modules.x = 1\n", "modules.x: must be a table, as in [section] (in a variable: JSON)"),
        ("modules.X = {}\n", "modules.X: not a name: use lower-case letters, digits, - and _"),
        ("modules.a__b = {}\n", "modules.a__b: not a name: use lower-case letters, digits, - and _"),
        ("modules.x.type = 3\n", f'modules.x.type: there is no type "3"; installed are: {INSTALLED}'),
        (
            "server.trusted_proxies = 1\n",
            'server.trusted_proxies: must be a list, as in ["one", "two"] (in a variable: JSON) (given: 1)',
        ),
        ("portal.name = 3\n", "portal.name: must be text in quotation marks (given: 3)"),
        ("portal.demo = 'maybe'\n", "portal.demo: must be true or false (given: 'maybe')"),
        ("sessions.lifetime = '1h'\n", "sessions: idle_timeout is longer than lifetime: make it shorter"),
        ("sign_in.first_wait = '1h'\n", "sign_in: first_wait is longer than longest_wait: make it shorter"),
        (
            "tokens.default_lifetime = 1\n",
            "tokens: must hold: minimum_lifetime <= default_lifetime <= maximum_lifetime",
        ),
        (
            "server.tls_key = 'x'\n",
            "server: tls_certificate and tls_key go together: give both or none",
        ),
        ("data_dir = '~nobody-has-this-name/x'\n", None),
        ("keys.directory = 'a\\u0000b'\n".replace("'", '"'), None),
    ],
)
def test_a_mistake_is_told_with_its_path_and_a_remedy(tmp_path: Path, text: str, problem: str | None) -> None:
    (told,) = problems(tmp_path, URL + text)
    assert told == problem or (problem is None and ": " in told)


@pytest.mark.parametrize("value", ["nan", "inf", "0", "-1", "true", '"10y"', '"9999999d"', "1e400"])
def test_a_duration_is_positive_and_finite(tmp_path: Path, value: str) -> None:
    (told,) = problems(tmp_path, URL + f"[sessions]\nidle_timeout = {value}\n")
    assert told.startswith("sessions")


@pytest.mark.parametrize(
    "bind", ["8080", "localhost", ":99999", "999.1.1.1:80", "[::z]:80", "[:::]:80", "a b:80", "127.1:80"]
)
def test_an_address_to_listen_on_is_one(tmp_path: Path, bind: str) -> None:
    (told,) = problems(tmp_path, URL + f'[server]\nbind = "{bind}"\n')
    assert told.startswith("server.bind: not an address to listen on")


@pytest.mark.parametrize(
    "url",
    [
        "auth.example.com",
        "ftp://auth.example.com/",
        "https://a/b",
        "https://a:99999/",
        "https://a/?x",
        "https://",
        "https://user@a/",
        "https://[::1/",
        "https://ä.example/",
        "https://a b/",
        "https://a\\\\b/",
    ],
)
def test_the_public_url_is_the_root_of_a_host(tmp_path: Path, url: str) -> None:
    (told,) = problems(tmp_path, f'public_url = "{url}"\n')
    assert told.startswith("public_url: ")


@pytest.mark.parametrize("bind", [":8080", "0.0.0.0:8080", "192.0.2.7:8080", "[::]:8080", "example.com:80"])
@pytest.mark.parametrize("option", ["bind", "metrics_bind"])
def test_a_demo_listens_on_loopback_only(tmp_path: Path, option: str, bind: str) -> None:
    (told,) = problems(tmp_path, URL + f'portal.demo = true\nserver.{option} = "{bind}"\n')
    assert told == f"a demo listens on loopback only: let server.{option} begin with 127.0.0.1"


@pytest.mark.parametrize("bind", ["127.0.0.1:8080", "[::1]:8080", "localhost:8080", "127.0.0.2:80"])
def test_a_demo_listens_on_any_loopback_address(tmp_path: Path, bind: str) -> None:
    assert read(tmp_path, URL + f'portal.demo = true\nserver.bind = "{bind}"\n').settings.portal.demo


def test_bad_toml_is_told_with_line_and_column(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, URL + "[server\nbind = 1\n")
    assert told.startswith(f"{tmp_path / 'issuer.toml'}: is not valid TOML: ")
    assert "line 2, column 8" in told


@pytest.mark.parametrize("text", [b"\xff", b"x = " + b"[" * 5000, b"x = " + b"9" * 5000, b"x = 2026-13-45"])
def test_a_file_that_no_parser_likes_is_told(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "issuer.toml"
    file.write_bytes(text)
    with pytest.raises(ConfigError, match=r"issuer.toml: is not (valid TOML|UTF-8)"):
        load(file, {})


def test_two_instances_cannot_have_one_path(tmp_path: Path) -> None:
    secret = f'app_secret = "{SECRET}"\n'
    other = JITSI.replace("modules.jitsi", "modules.meet") + secret + 'type = "jitsi"\npath = "/jitsi"\n'
    (told,) = problems(tmp_path, URL + JITSI + secret + other)
    assert told == 'modules.meet.path: "/jitsi" is already the path of modules.jitsi: choose another'
    assert len(read(tmp_path, URL + JITSI + secret + other + "enabled = false\n").modules) == 2


def test_a_disabled_instance_is_still_validated(tmp_path: Path) -> None:
    assert problems(tmp_path, URL + "[modules.jitsi]\nenabled = false\n")


def test_relative_paths_start_from_the_folder_of_the_file(tmp_path: Path) -> None:
    settings = read(tmp_path, URL + 'data_dir = "d"\n[keys]\ndirectory = "/k"\n').settings
    assert settings.data_dir == tmp_path / "d"
    assert str(settings.keys.directory) == "/k"
    assert settings.store_url == f"sqlite:///{tmp_path}/d/issuer.db"
