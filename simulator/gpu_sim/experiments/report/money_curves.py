"""Curves of money over a run: what its rentals have cost, and the prices of the offers that were rented."""

from collections.abc import Iterator, Mapping

from ...core.kernel.clock import HOUR_MS
from ...core.kernel.money import MICROS_PER_DOLLAR
from ..runs.facts import RunFacts
from ..runs.price_courses import PriceCourse
from .drawing import COLORS, Drawing, legend
from .page import paragraph


def cost_course(facts: RunFacts) -> list[tuple[int, float]]:
    """The cost in micro-dollars at each instant at which it grows otherwise than before, the charges at the end.

    A rental adds its price while it runs, and at its end the rest of its charge: a minimum session or a part of a
    second beyond its time.
    """
    slopes, jumps = {0: 0, facts.length_ms: 0}, dict[int, float]()
    for rental in facts.rentals:
        end_ms = facts.length_ms if rental.ended_ms is None else rental.ended_ms
        begin_ms = end_ms if rental.running_ms is None else rental.running_ms
        slope = rental.price_micros_per_hour * rental.gpu_count
        for at_ms, change in ((begin_ms, slope), (end_ms, -slope)):
            slopes[at_ms] = slopes.get(at_ms, 0) + change
        rest = rental.charge_micros - slope * (end_ms - begin_ms) / HOUR_MS
        jumps[end_ms] = jumps.get(end_ms, 0) + rest
    points, spent, slope, before_ms = list[tuple[int, float]](), 0.0, 0, 0
    for at_ms in sorted(slopes):
        spent += slope * (at_ms - before_ms) / HOUR_MS
        points.append((at_ms, spent))
        if at_ms in jumps:
            spent += jumps[at_ms]
            points.append((at_ms, spent))
        slope, before_ms = slope + slopes[at_ms], at_ms
    return points


def cost_curve(facts: RunFacts) -> str:
    """The cost of all rentals over time."""
    points = [(at_ms / HOUR_MS, cost / MICROS_PER_DOLLAR) for at_ms, cost in cost_course(facts)]
    drawing = Drawing(
        200, (0, facts.length_ms / HOUR_MS), (0, max(cost for _, cost in points)), x_title="hours", y_title="USD"
    )
    drawing.line(points, COLORS[0])
    return drawing.svg("cost over time")


def price_curves(facts: RunFacts, courses: Mapping[str, PriceCourse]) -> Iterator[str]:
    """The prices of the offers with the most rentals over time, with a dot wherever one was rented."""
    counts: dict[str, int] = {}
    for rental in facts.rentals:
        counts[rental.offer] = counts.get(rental.offer, 0) + 1
    if not counts:
        return
    by_use = sorted(counts, key=lambda name: (-counts[name], name))
    shown = sorted(by_use[: len(COLORS)])
    colors = dict(zip(shown, COLORS, strict=False))
    rented = [rental for rental in facts.rentals if rental.offer in colors]
    prices = [price for name in shown for _, price in courses[name]]
    most = max(*prices, *(rental.price_micros_per_hour for rental in rented), 1) / MICROS_PER_DOLLAR
    end = facts.length_ms / HOUR_MS
    drawing = Drawing(220, (0, end), (0, most * 1.05), x_title="hours", y_title="USD per GPU and hour")
    for name in shown:
        points = [(at_ms / HOUR_MS, price / MICROS_PER_DOLLAR) for at_ms, price in courses[name]]
        drawing.steps(points, end, colors[name])
    for rental in rented:
        price = rental.price_micros_per_hour / MICROS_PER_DOLLAR
        about = f"{rental.offer} at ${price:.3f}, rented by {rental.renter}"
        drawing.dot(rental.created_ms / HOUR_MS, price, colors[rental.offer], about, size=3)
    yield drawing.svg("prices of offers over time")
    yield legend((color, name) for name, color in colors.items())
    if len(by_use) > len(shown):
        yield paragraph(f"{len(by_use) - len(shown)} offers with fewer rentals are not shown.", "quiet")
