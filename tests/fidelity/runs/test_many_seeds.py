"""Seeds run one after the other and in processes of their own, and what they export."""

from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
from gpu_sim.fidelity.runs.many_seeds import run_seeds
from gpu_sim.fidelity.runs.seed_run import SeedRun, measure_zones, run_seed
from gpu_sim.fidelity.traces.dependence import Distance
from gpu_sim.fidelity.traces.statistics import measure
from gpu_sim.fidelity.traces.traces import read_trace
from msgspec.structs import replace

from ..zone_markets import plan, poisson, realistic, zone

ZONES = (zone("us-east-1a", capacity=16), zone("us-east-1b"), zone("us-west-2a"), zone("us-east-1a", gpu_model="K80"))
CONDITIONS = realistic(*ZONES)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[SeedRun, ...]]:
    """Two seeds, in two processes, with their traces."""
    folder = tmp_path_factory.mktemp("export")
    return folder, run_seeds(replace(plan(CONDITIONS), export=folder), [4, 5], jobs=2)


def same(one: dict[str, float], other: dict[str, float]) -> bool:
    """True where the statistics agree, unknown ones included."""
    return one.keys() == other.keys() and np.array_equal([*one.values()], [*other.values()], equal_nan=True)


@pytest.mark.slow
def test_processes_of_their_own_change_nothing(exported: tuple[Path, tuple[SeedRun, ...]]) -> None:
    days: list[int] = []
    here = run_seeds(plan(CONDITIONS), [4, 5], jobs=1, on_days=days.append)
    assert sum(days) == 2 * 2
    for alone, apart in zip(here, exported[1], strict=True):
        assert alone.seed == apart.seed
        assert same(alone.looked, apart.looked)
        assert same(alone.each_tick, apart.each_tick)
        assert same(alone.others, apart.others)
        assert alone.lifetimes_h.tolist() == apart.lifetimes_h.tolist()
    assert [run.history is not None for run in exported[1]] == [True, False]


def test_an_export_holds_what_was_measured(exported: tuple[Path, tuple[SeedRun, ...]]) -> None:
    folder, runs = exported
    for run in runs:
        files = sorted((folder / f"seed-{run.seed}").iterdir())
        assert [file.name for file in files] == [
            "gpu-sim-test__us-east-1a_k80_1.json",
            "gpu-sim-test__us-east-1a_v100_1.json",
            "gpu-sim-test__us-east-1b_v100_1.json",
            "gpu-sim-test__us-west-2a_v100_1.json",
        ]
        traces = [read_trace(file) for file in files]
        assert {len(trace.values) for trace in traces} == {-(-2 * 86_400 // 195)}
        assert same(measure_zones(traces), run.looked)
        measured = measure(traces[1:]).by_name()
        assert same(measured, {name: run.looked[name] for name in measured})


def test_nodes_of_a_fleet_go_together(exported: tuple[Path, tuple[SeedRun, ...]]) -> None:
    for run in exported[1]:
        assert run.others["partner_16"] > 0.9
        assert run.by_distance[Distance.SAME_ZONE].min() > 0
        assert run.lost_together[2:].sum() > 0


def test_availability_is_the_same_without_fleets(exported: tuple[Path, tuple[SeedRun, ...]]) -> None:
    alone = run_seed(replace(plan(CONDITIONS), fleets=False), 4)
    assert same(alone.looked, exported[1][0].looked)
    assert np.isnan(alone.others["partner_16"])


def test_where_nothing_goes_down_there_are_no_zones_to_measure() -> None:
    run = run_seed(plan(poisson(500_000, 4), days=1), 1)
    assert (run.looked, run.each_tick, len(run.lifetimes_h)) == ({}, {}, 0)
    assert run.interruptions is not None
    assert run.interruptions.counted > 0


def test_broken_off_it_leaves_no_process_and_no_part_of_a_file(tmp_path: Path) -> None:
    def break_off(days: int) -> None:
        raise KeyboardInterrupt

    others = active_children()
    with pytest.raises(KeyboardInterrupt):
        run_seeds(replace(plan(CONDITIONS, days=1), export=tmp_path), [1, 2, 3], jobs=2, on_days=break_off)
    assert active_children() == others
    assert [path.name for path in tmp_path.rglob("*.part")] == []
    assert (tmp_path / "seed-1").is_dir() or (tmp_path / "seed-2").is_dir()


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        run_seeds(replace(plan(CONDITIONS, days=1), export=tmp_path / "file"), [1], jobs=2)
