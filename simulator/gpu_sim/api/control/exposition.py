"""The metrics of a server in Prometheus' exposition format, computed at each scrape.

Imported at the first scrape: the client library takes longer to import than the server takes to start.
"""

from collections.abc import Iterator
from itertools import accumulate
from platform import python_version

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ... import __version__
from ...core.kernel.clock import SECOND_MS
from ...core.kernel.money import MICROS_PER_DOLLAR
from ...worlds.world import World
from ...worlds.worlds import Worlds
from ..replies import Reply
from ..request_log.traffic import BOUNDS_NS, OTHER_RULES, RULES_COUNTED_MAX, Traffic
from .event_stream import EventStreams

_NS_PER_SECOND = 1_000_000_000


def exposition(worlds: Worlds, traffic: Traffic, streams: EventStreams) -> Reply:
    """Answer with all metrics, over all worlds."""
    registry = CollectorRegistry()
    traffic.count_pending()  # before the collector reads: requests are counted in batches
    registry.register(_MetricsCollector(worlds, traffic, streams))
    return Reply(200, generate_latest(registry), ((b"content-type", CONTENT_TYPE_LATEST.encode()),))


def dropped(world: World) -> tuple[int, int]:
    """The numbers of events and of ended rentals of a world that are no longer in memory."""
    simulation = world.simulation
    return simulation.events_dropped, simulation.rentals.ended_total - simulation.rentals.ended_held


class _MetricsCollector(Collector):
    """Collects the metrics as they are now. It reads live rentals only; ended ones have a counter.

    A number that a reset, a restored snapshot or the end of a world can lower is a gauge; counters never go down.
    """

    def __init__(self, worlds: Worlds, traffic: Traffic, streams: EventStreams) -> None:
        self._worlds = worlds.by_name.values()
        self._traffic = traffic
        self._streams = streams

    def collect(self) -> Iterator[Metric]:
        yield from self._requests()
        yield from self._rentals()
        yield self._credit()
        yield from self._faults()
        yield from self._events()
        yield from self._server()

    def _requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "gpu_sim_requests",
            "API requests by operation (none: what is no operation) and status (0: no answer).",
            labels=("operation", "status"),
        )
        durations = HistogramMetricFamily(
            "gpu_sim_request_duration_seconds",
            "Wall time from an API request's arrival until its answer was handed over.",
            labels=("operation",),
        )
        bounds = [*(str(bound / _NS_PER_SECOND) for bound in BOUNDS_NS), "+Inf"]
        for name, counted in self._traffic.by_operation.items():
            operation = name or "none"
            for status, number in counted.by_status.items():
                requests.add_metric((operation, str(status)), number)
            buckets = list(zip(bounds, map(float, accumulate(counted.buckets)), strict=True))
            durations.add_metric((operation,), buckets, counted.total_ns / _NS_PER_SECOND)
        yield requests
        yield durations

    def _rentals(self) -> Iterator[Metric]:
        by_status = {"provisioning": 0, "running": 0}
        over = holds = held_micros = 0
        for world in self._worlds:
            rentals = world.simulation.rentals
            over += rentals.ended_total
            for rental in rentals.live():
                by_status[rental.status] += 1
                if rental.hold.status == "active":
                    holds += 1
                    held_micros += rental.hold.amount_micros
        shown = GaugeMetricFamily("gpu_sim_rentals", "Rentals that are not over, by status.", labels=("status",))
        for status, number in by_status.items():
            shown.add_metric((status,), number)
        yield shown
        yield GaugeMetricFamily("gpu_sim_rentals_terminated", "Rentals that are over in the worlds there are.", over)
        yield GaugeMetricFamily("gpu_sim_holds_active", "Credit holds that are active.", holds)
        yield GaugeMetricFamily(
            "gpu_sim_hold_dollars", "What the active holds reserve.", held_micros / MICROS_PER_DOLLAR
        )

    def _credit(self) -> Metric:
        micros = {(class_, part): 0 for class_ in ("scenario", "created") for part in ("available", "held")}
        for world in self._worlds:
            ledger, first = world.simulation.ledger, {account.name for account in world.scenario.accounts}
            for name in world.simulation.accounts:
                class_ = "scenario" if name in first else "created"
                micros[class_, "available"] += ledger.available(name)
                micros[class_, "held"] += ledger.held(name)
        shown = GaugeMetricFamily(
            "gpu_sim_credit_dollars",
            "Customers' credit: of the accounts that the scenario names, and of those created later.",
            labels=("accounts", "part"),
        )
        for labels, amount in micros.items():
            shown.add_metric(labels, amount / MICROS_PER_DOLLAR)
        return shown

    def _faults(self) -> Iterator[Metric]:
        injected = CounterMetricFamily(
            "gpu_sim_faults", "Faults injected, by rule (header: asked for by the request itself).", labels=("rule",)
        )
        for name, number in self._traffic.faults.items():
            injected.add_metric((name,), number)
        yield injected
        matched = GaugeMetricFamily(
            "gpu_sim_fault_hits", "Requests that the fault rules there are have matched, by rule.", labels=("rule",)
        )
        for name, number in self._hits().items():
            matched.add_metric((name,), number)
        yield matched

    def _hits(self) -> dict[str, int]:
        hits: dict[str, int] = {}
        for world in self._worlds:
            for state in world.faults.state():
                name = state.rule.name
                label = name if name in hits or len(hits) < RULES_COUNTED_MAX else OTHER_RULES
                hits[label] = hits.get(label, 0) + state.hits
        return hits

    def _events(self) -> Iterator[Metric]:
        simulations = [world.simulation for world in self._worlds]
        events_dropped, rentals_dropped = map(sum, zip(*map(dropped, self._worlds), strict=True))
        yield GaugeMetricFamily(
            "gpu_sim_events", "Events in the worlds that there are.", sum(s.events_total for s in simulations)
        )
        yield GaugeMetricFamily("gpu_sim_events_dropped", "Events no longer in memory.", events_dropped)
        yield GaugeMetricFamily("gpu_sim_rentals_dropped", "Ended rentals no longer in memory.", rentals_dropped)
        yield GaugeMetricFamily(
            "gpu_sim_clock_lag_seconds",
            "How far the running clock that is furthest behind is from where it should be, in virtual seconds.",
            max(world.lag_ms for world in self._worlds) / SECOND_MS,
        )

    def _server(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("gpu_sim_worlds", "Worlds on this server.", len(self._worlds))
        yield GaugeMetricFamily("gpu_sim_event_streams", "Event streams that are open.", self._streams.open)
        yield CounterMetricFamily(
            "gpu_sim_event_streams_dropped",
            "Event streams that were cut off because their reader fell behind.",
            self._streams.dropped_total,
        )
        yield CounterMetricFamily(
            "gpu_sim_log_lines_dropped",
            "Lines of --log-requests that were dropped because their reader fell behind.",
            self._traffic.lines_dropped,
        )
        build = GaugeMetricFamily("gpu_sim_build_info", "Always 1.", labels=("version", "python"))
        build.add_metric((__version__, python_version()), 1)
        yield build
