"""The shared interruptions of an offer and their severity, from traces that count nodes: those of 0 and 1 cannot say.

Nodes lost together in a tick had a shared interruption, a node lost alone one of its own. The shares of running nodes
lost together spread more than the severity behind them, as each node is interrupted by its own luck. Interruptions of
fewer than two nodes are not seen as shared, so that the severity found is too high where it is often next to nothing.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from ...core.kernel.quantities import Factor, Share
from ...core.kernel.randomness import PPM
from ...core.scenario.availability_shape import Severity
from .fleets import losses
from .traces import Trace

LOSSES_MIN = 30
"""So many losses of two nodes or more show a distribution."""

NODES_MIN = 4
"""Fewer nodes are hardly ever lost together unless all are."""

_LOW, _HIGH = 0.1, 5.0  # between these the parameters of a severity are
_MEAN_MAX = _HIGH / (_LOW + _HIGH)


class NodeLosses(Struct, frozen=True):
    """Losses of nodes: the share of nodes lost in shared interruptions, the severity of these, and their number."""

    shared: Share
    severity: Severity
    losses: int


def fit_losses(traces: Sequence[Trace]) -> NodeLosses | None:
    """The losses of all traces that count nodes, four or more, taken together; None where there are too few.

    As for fleets, severities are those of ticks before which at least half of the most nodes ran.
    """
    alone, together = 0, 0
    shares, running = list[float](), list[int]()
    for trace in (each for each in traces if each.values.max() >= NODES_MIN):
        lost, before = losses(trace.values), trace.values[:-1]
        alone += int((lost == 1).sum())
        together += int(lost[lost >= 2].sum())
        seen = (lost >= 2) & (2 * before >= trace.values.max())
        shares += (lost[seen] / before[seen]).tolist()
        running += before[seen].tolist()
    if len(shares) < LOSSES_MIN:
        return None
    # To a tenth of a percent, as more digits would be chance; never 0, since a hazard is divided by it.
    shared = Share(max(1, round(together / (alone + together) * 1_000)) * PPM // 1_000)
    severity = _severity(float(np.mean(shares)), float(np.var(shares)), float(np.mean(running)))
    return NodeLosses(shared, severity, len(shares))


def _severity(mean: float, variance: float, nodes: float) -> Severity:
    """The Beta distribution with the mean of the shares lost, and their variance but for each node's own luck; as near
    as its parameters can be."""
    mean = min(max(mean, 1 - _MEAN_MAX), _MEAN_MAX)
    widest = mean * (1 - mean)
    behind = (variance - widest / nodes) / (1 - 1 / nodes)
    least, most = _LOW / min(mean, 1 - mean), _HIGH / max(mean, 1 - mean)
    strength = min(max(widest / behind - 1, least), most) if behind > 0 else most
    return Severity(a=_factor(mean * strength), b=_factor((1 - mean) * strength))


def _factor(value: float) -> Factor:
    return Factor(round(value * 100) * PPM // 100)
