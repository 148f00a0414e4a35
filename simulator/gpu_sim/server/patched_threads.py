"""Libraries that replace threads by coroutines of their own: a server in such a thread would never give way to the
others."""

import sys
from importlib.util import find_spec

_PATCHERS = {"gevent": ("gevent.monkey", "is_module_patched"), "eventlet": ("eventlet.patcher", "is_monkey_patched")}
"""For each such library the module and the function that say whether it has replaced a module of Python's own."""
_REPLACED = ("threading", "thread", "_thread", "socket", "select")
"""Modules that a server in a thread needs as they are; `thread` is what eventlet calls `_thread`."""


def threads_patched_by() -> str | None:
    """The library that has replaced threads or sockets in this process; None where they are Python's own."""
    for library, (module, function) in _PATCHERS.items():
        loaded = sys.modules.get(module)
        if loaded is not None and any(map(getattr(loaded, function), _REPLACED)):
            return library
    return None


def threads_patchable_by() -> str | None:
    """A library that is installed and may replace threads later on; None where there is none. `import locust` is enough
    to do so, and never returns while a thread runs that was started before."""
    return next(filter(_is_there, _PATCHERS), None)


def _is_there(library: str) -> bool:
    if library in sys.modules:
        return sys.modules[library] is not None  # None forbids the import
    return find_spec(library) is not None
