"""Libraries that replace threads are noticed, and a server in a thread is refused rather than never answered."""

import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from gpu_sim import load_scenario, serve_in_thread
from gpu_sim.server import patched_threads
from gpu_sim.server.patched_threads import threads_patchable_by, threads_patched_by

PATCHERS = [("gevent", "monkey", "is_module_patched"), ("eventlet", "patcher", "is_monkey_patched")]


@pytest.fixture(autouse=True)
def _none_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where neither library is loaded or installed, whatever the environment of these tests has."""
    for name in [*sys.modules]:
        if name.partition(".")[0] in ("gevent", "eventlet"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(patched_threads, "find_spec", {}.get)


def pretend(monkeypatch: pytest.MonkeyPatch, library: str, module: str, function: str, patched: str) -> None:
    """Load a library that has replaced this module of Python's."""
    is_patched: Callable[[str], bool] = lambda name: name == patched  # noqa: E731  # typed, unlike a nested function
    for name in (library, f"{library}.{module}"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    setattr(sys.modules[f"{library}.{module}"], function, is_patched)


@pytest.mark.parametrize(("library", "module", "function"), PATCHERS)
def test_a_library_that_has_replaced_threads_or_sockets_is_noticed(
    monkeypatch: pytest.MonkeyPatch, library: str, module: str, function: str
) -> None:
    assert (threads_patched_by(), threads_patchable_by()) == (None, None)
    for patched in ("threading", "socket", "select"):
        pretend(monkeypatch, library, module, function, patched)
        assert (threads_patched_by(), threads_patchable_by()) == (library, library)
    pretend(monkeypatch, library, module, function, "ssl")
    assert (threads_patched_by(), threads_patchable_by()) == (None, library)


def test_a_library_that_is_installed_may_replace_threads_unless_its_import_is_forbidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patched_threads, "find_spec", lambda library: object() if library == "gevent" else None)
    assert threads_patchable_by() == "gevent"
    monkeypatch.setitem(sys.modules, "gevent", None)  # forbids the import
    assert threads_patchable_by() is None


def test_a_server_in_a_thread_is_refused_where_threads_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, *PATCHERS[0], "threading")
    told = "cannot serve in a thread, as gevent has replaced the threads of this process: use gpu_sim.testing.world"
    with pytest.raises(RuntimeError, match=told), serve_in_thread(load_scenario("calm")):
        pass


def test_nobody_waits_for_a_server_whose_process_has_had_its_threads_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    serving = serve_in_thread(load_scenario("calm"))
    serving.__enter__()
    with monkeypatch.context() as late:
        pretend(late, *PATCHERS[0], "threading")
        with pytest.raises(RuntimeError, match="cannot end the server that runs in a thread, as gevent"):
            serving.__exit__(None, None, None)
