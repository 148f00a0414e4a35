"""The metrics of a server, parsed as Prometheus parses them."""

import asyncio
import subprocess
import sys

import pytest
from gpu_sim import __version__
from gpu_sim.core.scenario.scenario import AccountSpec, ClockSettings
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.parser import text_string_to_metric_families

from ...support.asgi import BOB, Answer, Api, scenario

CAROL = "si_test_carol"


def scrape(api: Api, path: str = "/metrics") -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Scrape the metrics: values by name and labels."""
    answer = api.call("GET", path)
    assert answer.status == 200, answer.body
    families = text_string_to_metric_families(answer.body.decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def figure(api: Api, name: str, **labels: str) -> float:
    """The value of one metric."""
    return scrape(api)[name, frozenset(labels.items())]


def test_both_paths_answer_in_the_form_of_prometheus(api: Api) -> None:
    for path in ("/metrics", "/_sim/metrics"):
        answer = api.call("GET", path)
        assert answer.header("content-type") == CONTENT_TYPE_LATEST
        assert answer.header("x-sim-now")
    assert set(scrape(api)) == set(scrape(api, "/_sim/metrics"))
    assert api.call("HEAD", "/metrics").status == 200


def test_every_figure_has_a_name_of_ours_and_says_what_it_is(api: Api) -> None:
    api.rent()
    families = list(text_string_to_metric_families(api.call("GET", "/metrics").body.decode()))
    assert len(families) == 18
    for family in families:
        assert family.name.startswith("gpu_sim_")
        assert family.documentation
    assert len({family.name for family in families}) == len(families)


def test_requests_are_counted_by_operation_and_status(api: Api) -> None:
    api.rent()
    for _ in range(3):
        api.call("GET", "/v1/gpu/offers")
    api.call("GET", "/v1/gpu/offers", token=None)
    api.call("GET", "/v1/nothing")
    counts = {labels: v for (name, labels), v in scrape(api).items() if name == "gpu_sim_requests_total"}
    assert {tuple(sorted(dict(labels).values())): value for labels, value in counts.items()} == {
        ("201", "rent_gpu"): 1,
        ("200", "list_offers"): 3,
        ("401", "list_offers"): 1,
        ("404", "none"): 1,
    }


def test_the_histogram_is_cumulative_and_complete(api: Api) -> None:
    for _ in range(4):
        api.call("GET", "/v1/gpu/offers")
    name = "gpu_sim_request_duration_seconds"
    found = scrape(api)
    labels = {"operation": "list_offers"}
    buckets = sorted(
        (float(dict(sample)["le"]), value) for (key, sample), value in found.items() if key == f"{name}_bucket"
    )
    assert [value for _, value in buckets] == sorted(value for _, value in buckets)
    assert (buckets[0][0], buckets[-1]) == (0.00005, (float("inf"), 4.0))
    assert found[f"{name}_count", frozenset(labels.items())] == 4
    assert found[f"{name}_sum", frozenset(labels.items())] > 0


def test_rentals_holds_and_credit_are_those_of_all_worlds(api: Api) -> None:
    api.add_world("other", scenario(accounts=(AccountSpec("carol", CAROL),)))
    api.call("POST", "/_sim/accounts", {"name": "dave", "token": "si_test_dave", "balance": "7"})
    first = api.rent()
    api.rent(token=BOB)
    api.rent(token=CAROL)
    api.delete(first)
    api.call("POST", "/_sim/clock/advance", {"by": "90s"}, token=BOB)
    found = scrape(api)
    flat = {(name, *sorted(dict(labels).values())): value for (name, labels), value in found.items()}
    assert flat["gpu_sim_worlds",] == 2
    assert flat["gpu_sim_rentals", "provisioning"] == 1
    assert flat["gpu_sim_rentals", "running"] == 1
    assert flat["gpu_sim_rentals_terminated",] == 1
    assert flat["gpu_sim_holds_active",] == 2
    assert flat["gpu_sim_hold_dollars",] == pytest.approx(0.1435)
    assert flat["gpu_sim_credit_dollars", "held", "scenario"] == pytest.approx(0.1435)
    assert flat["gpu_sim_credit_dollars", "available", "scenario"] == pytest.approx(201 - 0.1435)
    assert flat["gpu_sim_credit_dollars", "available", "created"] == 7
    events = sum(world.simulation.events_total for world in api.worlds.by_name.values())
    assert flat["gpu_sim_events",] == events


def test_an_expired_hold_is_active_no_more(api: Api) -> None:
    api.rent(token=BOB)
    assert figure(api, "gpu_sim_holds_active") == 1
    api.advance("3h")
    assert figure(api, "gpu_sim_holds_active") == 0


def test_rentals_that_are_over_are_counted_not_looked_at(api: Api) -> None:
    ended = api.world.simulation.rentals.find(api.rent())
    api.delete(ended.rental_id)
    ended.hold = None  # type: ignore[assignment]  # whoever looks at it fails
    assert figure(api, "gpu_sim_rentals_terminated") == 1


def test_what_is_no_longer_in_memory_is_counted(api: Api) -> None:
    api.delete(api.rent())
    events = api.world.simulation.events_total
    api.world.simulation.drop(rentals=0, events=3, lines=100)
    assert figure(api, "gpu_sim_rentals_terminated") == 1
    assert figure(api, "gpu_sim_rentals_dropped") == 1
    assert figure(api, "gpu_sim_events") == events
    assert figure(api, "gpu_sim_events_dropped") == events - 3


def test_faults_are_counted_by_rule_over_all_worlds(api: Api) -> None:
    assert not [key for key in scrape(api) if key[0].startswith("gpu_sim_fault")]
    api.add_world("other", scenario(accounts=(AccountSpec("carol", CAROL),)))
    rule = {"name": "busy", "on": {"operation": "list_offers"}, "effect": {"respond": 503}, "when": {"times": 2}}
    for token, requests in ((BOB, 3), (CAROL, 1)):
        assert api.call("POST", "/_sim/faults", rule, token=token).status == 201
        for _ in range(requests):
            api.call("GET", "/v1/gpu/offers", token=token)
    assert figure(api, "gpu_sim_fault_hits", rule="busy") == 4
    assert figure(api, "gpu_sim_faults_total", rule="busy") == 3
    assert figure(api, "gpu_sim_requests_total", operation="list_offers", status="503") == 3


def test_a_fault_that_a_request_asked_for_is_counted_too(api: Api) -> None:
    for _ in range(2):
        api.call("GET", "/v1/gpu/offers", headers=[("x-sim", "respond=503")])
    assert figure(api, "gpu_sim_faults_total", rule="header") == 2


def test_counters_never_fall(api: Api) -> None:
    def counters() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        families = text_string_to_metric_families(api.call("GET", "/metrics").body.decode())
        samples = [sample for family in families if family.type == "counter" for sample in family.samples]
        return {(s.name, frozenset(s.labels.items())): s.value for s in samples if s.name.endswith("_total")}

    snapshot = api.call("GET", "/_sim/snapshot").body
    api.call("POST", "/_sim/worlds", {"name": "other", "tokens": {"alice": CAROL}, "clock": {"mode": "manual"}})
    rule = {"name": "busy", "on": {"operation": "list_offers"}, "effect": {"respond": 503}}
    for token in (BOB, CAROL):
        api.call("POST", "/_sim/faults", rule, token=token)
        api.call("GET", "/v1/gpu/offers", token=token)
    for world in api.worlds.by_name.values():
        world.simulation.drop(rentals=0, events=0, lines=0)
    api.delete(api.rent())
    for method, path, body in (
        ("DELETE", "/_sim/worlds/other", None),
        ("DELETE", "/_sim/faults/busy", None),
        ("PUT", "/_sim/snapshot", snapshot),
        ("POST", "/_sim/reset", b"{}"),
    ):
        before = counters()
        assert len(before) > 3
        assert api.call(method, path, body=body).status in (200, 204)
        after = counters()
        assert [key for key, value in before.items() if after.get(key, 0) < value] == []


def test_no_more_than_100_rules_have_a_figure_of_their_own(api: Api) -> None:
    for number in range(103):
        rule = {"name": f"rule-{number}", "on": {"operation": "list_offers"}, "effect": {"respond": 503}}
        assert api.call("POST", "/_sim/faults", rule).status == 201
    api.call("GET", "/v1/gpu/offers")
    hits = {dict(labels)["rule"]: v for (name, labels), v in scrape(api).items() if name == "gpu_sim_fault_hits"}
    assert (len(hits), hits["rule-99"], hits["other"]) == (101, 1, 3)


def test_lines_of_the_log_that_found_no_room_are_counted(runner: asyncio.Runner) -> None:
    lines: list[bytes] = []

    def write(line: bytes) -> bool:
        lines.append(line)
        return len(lines) == 1

    api = Api(runner, scenario(), log=write)
    for _ in range(3):
        api.call("GET", "/v1/gpu/offers")
    assert figure(api, "gpu_sim_log_lines_dropped_total") == 2


def test_the_lag_is_that_of_the_clock_furthest_behind(api: Api) -> None:
    assert figure(api, "gpu_sim_clock_lag_seconds") == 0
    api.world.pacer.change(ClockSettings(mode="real"), 0)
    api.world.pacer.skip(3_600_000)
    assert 3_600 <= figure(api, "gpu_sim_clock_lag_seconds") < 7_200
    api.world.pacer.skip(10**18)
    assert figure(api, "gpu_sim_clock_lag_seconds") <= api.world.last_ms / 1_000


def test_the_version_is_told(api: Api) -> None:
    labels = {dict(labels)["version"] for name, labels in scrape(api) if name == "gpu_sim_build_info"}
    assert labels == {__version__}


@pytest.mark.parametrize("path", ["/metrics", "/_sim/metrics"])
def test_metrics_are_guarded_as_the_control_plane_is(api: Api, path: str) -> None:
    answers: list[Answer] = [api.call("GET", path, host="evil.example")]
    answers.append(api.call("GET", path, headers=[("origin", "http://evil.example")]))
    assert [answer.problem(403, "control_refused", answer.json()["param"])["status"] for answer in answers] == [403] * 2
    assert api.call("GET", path, token=None).status == 200
    api.call("GET", f"{path}?world=default").problem(400, "unknown_parameter", "world")
    api.call("POST", path).problem(405, "method_not_allowed")


def test_no_token_is_in_the_figures(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario())
    api.call("GET", f"/v1/{BOB}")
    assert b"si_" not in api.call("GET", "/metrics").body


def test_the_client_library_is_loaded_only_when_asked_for() -> None:
    code = "import sys, gpu_sim.server.serving; print('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"False\n"
