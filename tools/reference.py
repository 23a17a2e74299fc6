"""Write docs/options.md from the declarations of every installed module and backend."""

from pathlib import Path

from issuer.backend import Backend
from issuer.module import Module
from issuer.settings.reference import reference
from issuer.wiring.plugins import BACKENDS, MODULES, known, load

PAGE = Path("docs/options.md")


def text() -> str:
    """Return the page as it should be."""
    modules = {name: load(MODULES, name, Module).Settings for name in known(MODULES)}
    backends = {name: load(BACKENDS, name, Backend).Settings for name in known(BACKENDS)}
    return reference(modules, backends)


if __name__ == "__main__":
    PAGE.write_text(text())
