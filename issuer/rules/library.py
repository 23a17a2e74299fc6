"""The CEL library without its command line, whose imports cost every process 13 MB and a quarter of a second.

`import cel` imports the package's command line, and with it typer, rich and prompt_toolkit. What evaluates is
the compiled module `cel.cel` alone, and that is what `library.cel` is.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING

NAME = "cel.cel"

if TYPE_CHECKING:
    import cel
else:

    def _load():
        if NAME in sys.modules:
            return sys.modules[NAME]
        package = find_spec("cel")
        spec = PathFinder.find_spec(NAME, package.submodule_search_locations)
        module = sys.modules[NAME] = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    cel = _load()

__all__ = ["cel"]
