"""The names of offers as traces, and the traces that a recorder writes of them."""

import numpy as np
import pytest
from gpu_sim.core.scenario.catalog import OfferSpec
from gpu_sim.fidelity.runs.zones import observe, trace_names, zones_of_one_gpu
from gpu_sim.fidelity.traces.observation import LookSchedule
from gpu_sim.fidelity.traces.traces import parse_name
from gpu_sim.scenario_files.load import load_scenario, shipped_scenarios
from msgspec.structs import replace

from ...support.builders import HOUR, offer
from ..zone_markets import priced, zone
from ..zone_recordings import trace


def names(*specs: OfferSpec) -> list[str]:
    """The zones and GPUs."""
    return [str(name) for name in trace_names(specs)]


def test_a_place_that_is_a_zone_keeps_its_name() -> None:
    assert names(zone("us-east-1a"), zone("us-east-1c"), zone("us-east-1a", gpu_model="RTX 4090")) == [
        "us-east-1a_v100_1",
        "us-east-1c_v100_1",
        "us-east-1a_rtx-4090_1",
    ]


def test_other_places_get_letters_within_their_country() -> None:
    assert names(
        offer("Quebec, CA"), offer("Ontario, CA"), offer("Texas, US"), offer("Utah, US", gpu_model="H100")
    ) == [
        "caa_rtx-4090_1",
        "cab_rtx-4090_1",
        "usa_rtx-4090_1",
        "usa_h100_1",
    ]


def test_with_several_providers_theirs_are_different_regions() -> None:
    assert names(offer("Quebec, CA"), offer("Quebec, CA", provider_id="run_pod")) == [
        "vast-ai-caa_rtx-4090_1",
        "run-pod-caa_rtx-4090_1",
    ]


def test_letters_do_not_run_out() -> None:
    found = names(*(offer(f"place {number}, US") for number in range(60)))
    assert found[25:28] == ["usz_rtx-4090_1", "us-2a_rtx-4090_1", "us-2b_rtx-4090_1"]
    assert found[52] == "us-3a_rtx-4090_1"
    assert len(set(found)) == 60


@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_offer_of_a_shipped_scenario_has_a_name_that_can_be_read_back(name: str) -> None:
    found = trace_names(load_scenario(name).market.offers, "mine")
    assert len(set(map(str, found))) == len(found)
    assert [parse_name(each.file_name) for each in found] == list(found)


def test_a_recorder_writes_what_it_saw_last() -> None:
    changes = np.array([HOUR, 2 * HOUR], np.int64)
    history = replace(priced([1.0]), turned_ms=changes)
    [name] = trace_names([history.spec])
    written = observe(history, name, LookSchedule(HOUR // 2, HOUR // 2), 3 * HOUR)
    assert written.values.tolist() == [1, 1, 0, 0, 1, 1]
    assert (written.gap_seconds, written.name) == (1800, name)


def test_of_several_gpus_the_one_with_most_zones_that_change_is_taken() -> None:
    traces = [
        trace("west-1a", "1010"),
        trace("west-1b", "1010", gpu="k80"),
        trace("west-1c", "0110", gpu="k80"),
        *(trace(f"west-2{letter}", "1111") for letter in "abc"),
    ]
    assert [str(each.name) for each in zones_of_one_gpu(traces)] == ["west-1b_k80_1", "west-1c_k80_1"]
    assert zones_of_one_gpu(traces[3:]) == ()
