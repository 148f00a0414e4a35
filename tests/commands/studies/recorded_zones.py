"""Studies on zones that were recorded: the traces are not shipped."""

from collections.abc import Sequence
from pathlib import Path

from gpu_sim.core.scenario.scenario import Scenario
from gpu_sim.notation import encode_quantity
from gpu_sim.scenario_files.load import build_scenario
from gpu_sim.scenario_files.recordings import read_trace_recording
from msgspec.json import decode, encode


def on_traces(study: Scenario, traces: Sequence[Path]) -> Scenario:
    """The study with zones that follow these traces, from a place that the seed draws for all of them."""
    document = decode(encode(study, enc_hook=encode_quantity))
    firm = [offer for offer in document["market"]["offers"] if offer.get("spot") is False]
    zone = next(offer for offer in document["market"]["offers"] if offer.get("spot") is not False)
    for renter in document["renters"]:
        renter.pop("spread", None)
    recordings = {trace.stem.rpartition("__")[2]: read_trace_recording(trace) for trace in traces}
    spot = [
        {key: value for key, value in zone.items() if key not in ("availability", "group")}
        | {"region": region, "capacity": recording.most}
        for region, recording in recordings.items()
    ]
    played = [
        {
            "provider": zone["provider_id"],
            "region": region,
            "begin": "drawn",
            "trace": decode(encode(each, enc_hook=int)),
        }
        for region, each in recordings.items()
    ]
    for trace in played:
        trace["trace"]["length"] = f"{trace['trace']['length']}ms"
    document["market"].pop("availability", None)  # recorded zones are up as they were
    document["market"] |= {
        "offers": [*spot, *firm],
        "interruptions": {"mode": "replay", "reclaim": {"fixed": "0s"}},
        "replay": {"availability": played},
    }
    return build_scenario(document, origin="the study on these traces", folder=None)
