"""A plugin that is unknown, broken or of the wrong kind stops the start, and others are not imported."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from issuer.module import Module
from issuer.wiring.plugins import MODULES, PluginError, known, load
from tests.settings.reading import URL, problems, read

GOOD = """
from flask import Blueprint
from issuer.module import Module

class Good(Module):
    name = "good"
    title = "Good"

    def blueprint(self):
        return Blueprint("good", __name__)
"""
DECLARED = """\
[issuer.modules]
good = plug_good:Good
twice = plug_good:Good
missing = plug_gone:Gone
nameless = plug_good:Better
broken = plug_broken:Broken
number = plug_good:__name__
stranger = plug_good:Blueprint
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of somebody else's, with good and bad plugins."""
    site = tmp_path / "site"
    info = site / "plug-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(DECLARED)
    (site / "plug_good.py").write_text(GOOD)
    (site / "plug_broken.py").write_text('raise RuntimeError("no wood setting")\n')
    monkeypatch.syspath_prepend(str(site))
    yield site
    for name in ("plug_good", "plug_broken"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nope", 'there is no type "nope"; installed are: broken, demo, good, jitsi'),
        ("missing", "cannot be imported: ModuleNotFoundError(\"No module named 'plug_gone'\")"),
        ("nameless", "(plug_good:Better) cannot be imported: AttributeError"),
        ("broken", "(plug_broken:Broken) cannot be imported: RuntimeError('no wood setting')"),
        ("number", "(plug_good:__name__) is not a Module class"),
        ("stranger", "(plug_good:Blueprint) is not a Module class"),
    ],
)
def test_a_plugin_that_cannot_be_stops_the_start(
    installed: Path, tmp_path: Path, name: str, text: str
) -> None:
    with pytest.raises(PluginError):
        load(MODULES, name, Module)
    (told,) = problems(tmp_path, f'{URL}[modules.mine]\ntype = "{name}"\n[modules.good]\n')
    assert told.startswith("modules.mine.type: ")
    assert text in told


def test_two_packages_cannot_declare_one_type(installed: Path, tmp_path: Path) -> None:
    other = installed / "other-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text("[issuer.modules]\ngood = plug_other:Good\n")
    (told,) = problems(tmp_path, f"{URL}[modules.good]\n")
    assert 'modules.good: several packages declare the type "good": ' in told


def test_a_stranger_s_module_is_used_as_ours_are(installed: Path, tmp_path: Path) -> None:
    (instance,) = read(tmp_path, f"{URL}[modules.mine]\ntype = 'good'\n").modules
    assert (instance.name, instance.settings.path) == ("mine", "/mine")
    assert instance.plugin is load(MODULES, "twice", Module)
    assert "good" in known(MODULES)


@pytest.mark.server
def test_a_module_that_is_not_enabled_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "issuer.toml").write_text(URL)
    program = (
        "import sys\n"
        "from issuer.app import create_app\n"
        "from issuer.wiring.configuration import load\n"
        f"create_app(load(__import__('pathlib').Path({str(tmp_path / 'issuer.toml')!r}), {{}}))\n"
        "print([name for name in sys.modules if name.startswith('modules')])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
