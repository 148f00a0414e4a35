"""Decoration by Faker: the same for the same id, never a real host, and imported only when it is needed."""

import asyncio
import re
import subprocess
import sys

import pytest
from gpu_sim.api import decoration

from ..support.processes import ROOT

LOADED = "import {module}, sys; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
HEAVY = {"faker", "hypothesis", "scipy", "numpy", "pytest", "matplotlib", "httpx", "jsonschema"}


def test_the_same_id_has_the_same_host() -> None:
    first = decoration.ssh_access("rent_a")
    decoration.ssh_access("rent_b")
    assert decoration.ssh_access("rent_a") == first


def test_ids_have_hosts_of_their_own() -> None:
    hosts = {tuple(decoration.ssh_access(f"rent_{number}").values()) for number in range(200)}
    assert len(hosts) == 200


@pytest.mark.parametrize("number", range(50))
def test_f9_access_is_a_host_of_a_reserved_domain_a_port_and_a_user(number: int) -> None:
    access = decoration.ssh_access(f"rent_{number}")
    assert list(access) == ["host", "port", "user"]
    assert re.fullmatch(r"[a-z0-9]+-\d{3}\.gpu\.example", str(access["host"]))
    assert 20_000 <= int(access["port"]) < 60_000
    assert access["user"] == "root"


def test_preparing_is_done_once() -> None:
    asyncio.run(decoration.prepare())
    before = decoration._faker.cache_info()
    asyncio.run(decoration.prepare())
    assert decoration._faker.cache_info() == before


@pytest.mark.parametrize("module", ["gpu_sim.server.serving", "gpu_sim.cli.main", "gpu_sim.scenario_files.load"])
def test_nothing_heavy_is_imported_before_it_is_needed(module: str) -> None:
    command = [sys.executable, "-c", LOADED.format(module=module)]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.split()
    assert "gpu_sim" in loaded
    assert HEAVY.isdisjoint(loaded)


def test_the_command_line_loads_no_server_before_a_command_needs_it() -> None:
    command = [sys.executable, "-c", LOADED.format(module="gpu_sim.cli.main")]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.split()
    assert {"uvicorn", "starlette", "yaml"}.isdisjoint(loaded)
