"""The names that other projects use, which stay: those of the package, of its plugin and of its commands."""

from inspect import signature

import gpu_sim
import pytest
from gpu_sim import pytest_plugin, testing
from gpu_sim.core import commands
from msgspec import Struct
from msgspec.structs import fields

PACKAGE = {"Scenario", "Simulation", "__version__", "load_scenario", "run", "serve_in_thread", "sweep"}
TESTING = {
    *("Account", "ClientReport", "Entry", "GpuSim", "GpuSimServer", "Notice", "Posting", "Rental", "Request"),
    *("RequestInFlight", "ServerRefused", "ServerUnreachable", "world"),
}
FIXTURES = {"gpu_sim", "gpu_sim_class", "gpu_sim_module", "gpu_sim_session", "gpu_sim_server"}
HOOKS = {"pytest_addoption", "pytest_configure", "pytest_runtest_makereport", "pytest_runtest_setup"}
OPTIONS = {"--gpu-sim-url", "--gpu-sim-journal"}
MARKER = "gpu_sim(scenario, seed, profile, step): "

COMMANDS = {
    "AddCredit": ("account", "amount_micros"),
    "CreateAccount": ("account", "balance_micros"),
    "EndAct": ("name",),
    "HideRental": ("rental_id", "hidden"),
    "InterruptRental": ("rental_id", "notice", "false_alarm", "withdraw"),
    "MoveRental": ("to", "hold", "rental_id"),
    "PlayAct": ("outage", "price", "capacity", "interrupt", "provisioning", "vanish"),
    "RentGpu": (
        *("account", "provider_id", "gpu_model", "region", "gpu_count", "model_id", "docker_image"),
        *("fine_tuned", "ssh"),
    ),
    "ResetMarket": (),
    "TerminateRental": ("account", "rental_id"),
    "TouchRental": ("rental_id",),
}
"""The commands with their fields, which journals have too."""


def test_the_names_of_the_package_stay_and_can_be_had() -> None:
    assert set(gpu_sim.__all__) == PACKAGE
    assert all(getattr(gpu_sim, name) is not None for name in PACKAGE)


def test_the_names_of_the_plugin_s_records_stay_and_can_be_had() -> None:
    assert set(testing.__all__) == TESTING
    assert all(isinstance(getattr(testing, name), type) for name in TESTING - {"world"})
    assert list(signature(testing.world).parameters) == ["scenario", "seed", "profile", "step", "url", "admin_token"]
    assert list(signature(testing.GpuSimServer.world).parameters) == ["self", "scenario", "seed", "profile", "step"]


def test_the_plugin_has_its_name_its_fixtures_and_its_hooks(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.get_plugin("gpu_sim") is pytest_plugin
    assert {name for name in dir(pytest_plugin) if name.startswith("pytest_")} == HOOKS
    assert {name for name in dir(pytest_plugin) if name.startswith("gpu_sim")} == FIXTURES


def test_the_plugin_has_its_options_and_its_marker(pytestconfig: pytest.Config) -> None:
    assert {option: pytestconfig.getoption(option, "unknown") for option in OPTIONS} == dict.fromkeys(OPTIONS)
    assert [line for line in pytestconfig.getini("markers") if line.startswith(MARKER)]


def test_the_fixtures_hand_out_what_the_package_names(
    gpu_sim: testing.GpuSim,
    gpu_sim_class: testing.GpuSim,
    gpu_sim_module: testing.GpuSim,
    gpu_sim_session: testing.GpuSim,
    gpu_sim_server: testing.GpuSimServer,
) -> None:
    worlds = (gpu_sim, gpu_sim_class, gpu_sim_module, gpu_sim_session)
    assert {type(sim) for sim in worlds} == {testing.GpuSim}
    assert type(gpu_sim_server) is testing.GpuSimServer


def test_the_commands_and_their_fields_stay() -> None:
    found = {
        name: tuple(field.name for field in fields(value))
        for name, value in vars(commands).items()
        if isinstance(value, type) and issubclass(value, Struct) and value.__module__ == commands.__name__
    }
    assert found == COMMANDS
