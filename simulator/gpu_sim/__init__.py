"""A local simulator and mock server for a spot-GPU rental API.

`Simulation` is the market and its ledger without HTTP: it advances in milliseconds of virtual time and counts in
micro-dollars. `run` lets the renters of a scenario live through it. `serve_in_thread` is the whole server on a free
port. `load_scenario` raises ScenarioError for a name or file that is no scenario.
"""

# Nothing is imported here at run time: the command listens to signals only once this module is loaded.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .core.scenario.scenario import Scenario
    from .core.simulation import Simulation
    from .experiments.runs.run import run
    from .experiments.sweeps.sweep import sweep
    from .scenario_files.load import load_scenario
    from .server.serving import serve_in_thread

__version__ = "0.1.0"
__all__ = ["Scenario", "Simulation", "__version__", "load_scenario", "run", "serve_in_thread", "sweep"]

_HOMES = {
    "Scenario": "core.scenario.scenario",
    "Simulation": "core.simulation",
    "load_scenario": "scenario_files.load",
    "run": "experiments.runs.run",
    "serve_in_thread": "server.serving",
    "sweep": "experiments.sweeps.sweep",
}


def __getattr__(name: str) -> "Any":
    """Load a public name when it is first used, so that each command loads only what it needs."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # only this function needs it

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
