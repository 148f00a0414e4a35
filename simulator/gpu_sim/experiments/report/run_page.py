"""The page about a run: rentals by offer, cost, replicas or jobs, and the metrics with what each means."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...core.kernel.clock import HOUR_MS
from ...core.kernel.money import MICROS_PER_DOLLAR
from ...output_file import write_file
from ..runs.facts import RentalFacts, RunFacts, ServiceFacts
from ..runs.metric_table import METRICS, REFUSAL_CODES, REFUSALS
from ..runs.run_result import RunResult
from .drawing import COLORS, Drawing, legend
from .money_curves import cost_curve, price_curves
from .page import figure_of, heading, page_text, paragraph, table

PAGE = "run.html"
OFFERS_SHOWN = 24
LANES_SHOWN = 40
JOBS_SHOWN = 60
_LANE = 9


def write_run_page(result: RunResult, folder: Path) -> Path:
    """Write the page into a folder, which is made if need be; answers its path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PAGE
    write_file(path, run_page(result).encode())
    return path


def run_page(result: RunResult) -> str:
    """The page as HTML. All names are escaped; equal runs have equal pages."""
    return page_text(f"A run of {result.scenario}", _parts(result))


def _parts(result: RunResult) -> Iterator[str]:
    told = [f"seed {result.seed}", f"{result.length_ms / HOUR_MS:g} hours"]
    told += (f"{name} = {value}" for name, value in result.settings.items())
    yield paragraph(f"{', '.join(told)}; run {result.key}", "quiet")
    if result.misses:
        yield heading("Expectations that did not hold")
        yield from (paragraph(f"{miss.path}: {miss.text}", "missed") for miss in result.misses)
    yield heading("Rentals by offer")
    yield from _timeline(result)
    yield heading("Cost")
    yield paragraph(
        "What all rentals have cost by then; what minimum sessions and parts of a second add is added at the end of a"
        " rental.",
        "quiet",
    )
    yield cost_curve(result.facts)
    yield heading("Prices")
    yield paragraph("The prices of the offers that were rented. A dot is a rental, which keeps the price.", "quiet")
    yield from price_curves(result.facts, result.prices())
    for service in result.facts.services:
        yield heading(f"Replicas of {service.renter}")
        yield from _replicas(service, result.length_ms)
    if result.facts.jobs:
        yield heading("Jobs")
        yield from _jobs(result.facts)
    yield heading("Metrics")
    yield _metrics(result)


def _replicas(service: ServiceFacts, length_ms: int) -> Iterator[str]:
    """Ready and wanted over time, and the time for which too few were ready."""
    ends_ms = [*(at_ms for at_ms, _, _ in service.steps[1:]), length_ms]
    short = [
        (at_ms, end_ms)
        for (at_ms, ready, wanted), end_ms in zip(service.steps, ends_ms, strict=True)
        if ready < wanted and at_ms < end_ms
    ]
    enough_ms = length_ms - sum(end_ms - at_ms for at_ms, end_ms in short)
    yield paragraph(
        f"As many ready as wanted for {100 * enough_ms / length_ms:.4g} % of the time, too few where the strip is red."
        " The dashed line is what was wanted.",
        "quiet",
    )
    end, most = length_ms / HOUR_MS, max(max(ready, wanted) for _, ready, wanted in service.steps)
    drawing = Drawing(180, (0, end), (0, most + 1), x_title="hours", y_title="replicas")
    for at_ms, end_ms in short:
        drawing.bar(at_ms / HOUR_MS, end_ms / HOUR_MS, 22, 6, "lost")
    drawing.steps([(at / HOUR_MS, wanted) for at, _, wanted in service.steps], end, COLORS[7], dashed=True)
    drawing.steps([(at / HOUR_MS, ready) for at, ready, _ in service.steps], end, COLORS[0])
    yield drawing.svg(f"replicas of {service.renter} over time")


def _timeline(result: RunResult) -> Iterator[str]:
    facts = result.facts
    by_offer: dict[str, list[RentalFacts]] = {}
    for rental in facts.rentals:
        by_offer.setdefault(rental.offer, []).append(rental)
    if not by_offer:
        yield paragraph("Nothing was rented.")
        return
    shown = sorted(by_offer, key=lambda name: (-len(by_offer[name]), name))[:OFFERS_SHOWN]
    all_lanes = {name: _lanes(by_offer[name], facts.length_ms) for name in sorted(shown)}
    lanes = {name: each[:LANES_SHOWN] for name, each in all_lanes.items()}
    height = 72 + sum(20 + _LANE * len(each) for each in lanes.values())
    drawing = Drawing(height, (0, facts.length_ms / HOUR_MS), (0, 1), x_title="hours")
    for kind, at_ms, about in _marks(result):
        drawing.mark(at_ms / HOUR_MS, 22, height - 56, kind, about)
    top = 36
    for name, each in lanes.items():
        drawing.label(0, top, name)
        top += 4
        for lane in each:
            for rental in lane:
                _draw_rental(drawing, rental, top, facts.length_ms)
            top += _LANE
        top += 16
    yield drawing.svg("rentals of each offer over time", y_axis=False)
    yield legend(
        (
            ("#b8b8b8", "provisioning"),
            ("#e69f00", "restart or cold start"),
            ("var(--bar)", "runs"),
            ("#d55e00", "interrupted"),
            ("#8a8a00", "notice"),
            ("#cc79a7", "act"),
            ("#009e73", "fault"),
        )
    )
    left_out = len(by_offer) - len(shown)
    if left_out:
        yield paragraph(f"{left_out} offers with fewer rentals are not shown.", "quiet")
    beside = sum(len(lane) for each in all_lanes.values() for lane in each[LANES_SHOWN:])
    if beside:
        yield paragraph(f"Of offers with more than {LANES_SHOWN} rentals at once, {beside} are not shown.", "quiet")


def _lanes(rentals: Sequence[RentalFacts], end_ms: int) -> list[list[RentalFacts]]:
    """The rentals in as many lines as it takes to have none over another."""
    lanes: list[list[RentalFacts]] = []
    free_ms: list[int] = []
    for rental in rentals:
        place = next((at for at, free in enumerate(free_ms) if free <= rental.created_ms), len(lanes))
        if place == len(lanes):
            lanes.append([])
            free_ms.append(0)
        lanes[place].append(rental)
        free_ms[place] = end_ms if rental.ended_ms is None else rental.ended_ms
    return lanes


def _draw_rental(drawing: Drawing, rental: RentalFacts, top: int, length_ms: int) -> None:
    end_ms = length_ms if rental.ended_ms is None else rental.ended_ms
    running_ms = end_ms if rental.running_ms is None else rental.running_ms
    ready_ms = min(end_ms, running_ms if rental.ready_ms is None else rental.ready_ms)
    about = (
        f"{rental.renter}, {rental.rental_id}: {rental.reason or 'lives on'},"
        f" ${rental.charge_micros / MICROS_PER_DOLLAR:.6f}; {_spent_time(rental, end_ms)}"
    )
    for kind, from_ms, to_ms in (
        ("waits", rental.created_ms, running_ms),
        ("starts", running_ms, ready_ms),
        ("works", ready_ms, end_ms),
    ):
        if to_ms > from_ms:
            drawing.bar(from_ms / HOUR_MS, to_ms / HOUR_MS, top, _LANE - 3, kind, about)
    if rental.notified_ms is not None:
        drawing.mark(rental.notified_ms / HOUR_MS, top - 1, _LANE - 1, "notice", f"notice to {rental.rental_id}")
    if rental.reason == "interrupted":
        drawing.mark(end_ms / HOUR_MS, top - 1, _LANE - 1, "lost", f"{rental.rental_id} was interrupted")


def _spent_time(rental: RentalFacts, end_ms: int) -> str:
    """The hours for which it ran, by what it did."""
    if rental.running_ms is None:
        return "never ran"
    told = {
        "worked": rental.worked_ms,
        "lost": rental.lost_ms,
        "restart": rental.restart_ms,
        "checkpoints": rental.checkpoint_ms,
    }
    told["idle"] = end_ms - rental.running_ms - sum(told.values())
    return ", ".join(f"{name} {ms / HOUR_MS:.3f} h" for name, ms in told.items() if ms)


def _marks(result: RunResult) -> Iterator[tuple[str, int, str]]:
    """Acts and injected faults, as the journal has them: their kind, when, and what they were."""
    for line in result.journal():
        if b'"type":"act_' in line:
            event = json.loads(line)
            # One that is refused is about an account, and has no name.
            about = event.get("name") or f"{event['act']} for {event['account']} ({event['code']})"
            yield "act", event["at"], f"{about}: {event['type'].replace('_', ' ')}"
        elif b'"injected":' in line:
            decision = json.loads(line)
            if decision.get("injected"):
                yield "fault", decision["at"], f"{decision['injected']} met {decision['operation']}"


def _jobs(facts: RunFacts) -> Iterator[str]:
    rows = []
    for job in facts.jobs[:JOBS_SHOWN]:
        end_ms = job.finished_ms
        state = "given up" if job.given_up_ms is not None else "unfinished" if end_ms is None else "finished"
        deadline = ""
        if job.deadline_ms is not None:
            deadline = "met" if end_ms is not None and end_ms <= job.deadline_ms else "missed"
        took = "" if end_ms is None else f"{(end_ms - job.arrived_ms) / HOUR_MS:.3f}"
        rows.append(
            (
                job.renter,
                str(job.number),
                f"{job.arrived_ms / HOUR_MS:.3f}",
                f"{job.work_ms / HOUR_MS:.3f}",
                f"{job.done_ms / HOUR_MS:.3f}",
                took,
                state,
                deadline,
            )
        )
    names = ("renter", "job", "arrived (h)", "work (h)", "done (h)", "took (h)", "state", "deadline")
    yield table(names, rows, numbers=(1, 2, 3, 4, 5))
    if len(facts.jobs) > JOBS_SHOWN:
        yield paragraph(f"{len(facts.jobs) - JOBS_SHOWN} more jobs are in result.json.", "quiet")


def _metrics(result: RunResult) -> str:
    # A renter's name has no dot, a metric's may: `refusals.CODE`.
    renters = (".".join(name.split(".")[:2]) for name in result.metrics if name.startswith("renters."))
    abouts = ["total", *dict.fromkeys(renters)]
    named = [(metric.name, metric.unit, metric.meaning) for metric in METRICS]
    after = next(place for place, (name, *_) in enumerate(named, 1) if name == "refusals")
    named[after:after] = (
        (f"{REFUSALS}{code}", "count", "those of them that had this code")
        for code in REFUSAL_CODES
        if result.metrics.get(f"total.{REFUSALS}{code}")
    )
    rows = [
        (name, unit, *(figure_of(result.metrics.get(f"{about}.{name}")) for about in abouts), meaning)
        for name, unit, meaning in named
        if any(f"{about}.{name}" in result.metrics for about in abouts)
    ]
    names = ("metric", "unit", *(about.removeprefix("renters.") for about in abouts), "meaning")
    return table(names, rows, numbers=range(2, 2 + len(abouts)), meaning=2 + len(abouts))
