"""Finds issuer modules and login backends by their entry points; ours are declared exactly as a stranger's.

Nothing is imported but what the configuration names.
"""

from importlib.metadata import entry_points
from typing import TypeVar

MODULES = "issuer.modules"
BACKENDS = "issuer.backends"

T = TypeVar("T")


class PluginError(Exception):
    """A plugin that does not exist, cannot be imported, or is of the wrong kind."""


def known(group: str) -> list[str]:
    """Return the names that are declared in an entry-point group, sorted."""
    return sorted({entry.name for entry in entry_points(group=group)})


def load(group: str, name: str, kind: type[T]) -> type[T]:
    """Import the plugin `name` of an entry-point group.

    Raises:
        PluginError: nothing has that name (the message lists what there is), it cannot be imported,
            or it is not a subclass of `kind`.
    """
    found = list(entry_points(group=group, name=name))
    if not found:
        raise PluginError(f'there is no type "{name}"; installed are: {", ".join(known(group)) or "none"}')
    if len({entry.value for entry in found}) > 1:
        raise PluginError(f'several packages declare the type "{name}": {", ".join(e.value for e in found)}')
    try:
        plugin = found[0].load()
    except Exception as error:
        raise PluginError(f'the type "{name}" ({found[0].value}) cannot be imported: {error!r}') from error
    if not (isinstance(plugin, type) and issubclass(plugin, kind)):
        raise PluginError(f'the type "{name}" ({found[0].value}) is not a {kind.__name__} class')
    return plugin
