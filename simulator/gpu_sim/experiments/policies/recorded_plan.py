"""The cheapest course of one job over a market that is known: exact, by labels that a Lagrangian bound prunes.

A course places the job for each tick nowhere or on an offer. A beginning anywhere loses the restart overhead, a tick
nowhere loses the tick; the job is done by the deadline if no more than the slack is lost. So it is a shortest path over
ticks and places with one resource: the price of the time lost bounds what a part of a course can still come to.
"""

from collections.abc import Sequence
from operator import itemgetter

from msgspec import Struct

Place = tuple[str, int] | None
"""An offer and the price at which it was rented; None for nowhere."""
Label = tuple[int, int, Place, "Label | None"]
"""A part of a course: its cost, the time that it lost, where it is, and what came before."""


_DEEPENINGS_LOG = 8
"""The first look is as near to the bound as 2⁻⁸ of the way to the best course known."""


_cost_and_lost = itemgetter(0, 1)


class Course(Struct, frozen=True):
    """The cost of a course, in micro-dollars per hour × ticks, the ms that it loses, and its places tick by tick."""

    cost: int
    lost_ms: int
    places: tuple[Place, ...]


class RecordedPlan:
    """The market of a job: for each tick the offers that may be rented or held through it, with their prices then.

    A rental keeps the price at which it began.
    """

    def __init__(self, prices: Sequence[dict[str, int]], *, tick_ms: int, restart_ms: int) -> None:
        self._prices = prices
        self._tick_ms = tick_ms
        self._restart_ms = restart_ms
        self._places: list[Place] = [
            *sorted({(name, price) for tick in prices for name, price in tick.items()}),
        ]

    def cheapest(self, work_ms: int) -> Course:
        """The cheapest course that does so much work; where there is none, the one that does the most."""
        slack_ms = len(self._prices) * self._tick_ms - work_ms
        dearest = max((price for tick in self._prices for price in tick.values()), default=0)
        quickest, _ = self._relaxed(1, dearest * len(self._prices) + 1)
        if quickest.lost_ms >= slack_ms:
            return quickest
        idlest, _ = self._relaxed(1, 0)
        if idlest.lost_ms <= slack_ms:
            return idlest
        feasible, short = quickest, idlest
        # The price of lost time, as a fraction, at which the two courses come to the same: the dual is steepest there.
        while True:
            scale, per_ms = short.lost_ms - feasible.lost_ms, feasible.cost - short.cost
            found, bounds = self._relaxed(scale, per_ms)
            if scale * found.cost + per_ms * found.lost_ms == scale * short.cost + per_ms * short.lost_ms:
                return self._deepened(feasible, slack_ms, scale, per_ms, bounds)
            if found.lost_ms <= slack_ms:
                feasible = found
            else:
                short = found

    def _relaxed(self, scale: int, per_ms: int) -> tuple[Course, list[dict[Place, int]]]:
        """The course of least scale × cost + per_ms × time lost, and that least from each tick and place on."""
        idle, restart = per_ms * self._tick_ms, per_ms * self._restart_ms
        bounds: list[dict[Place, int]] = [dict.fromkeys((None, *self._places), 0)]
        moves: list[Place] = []
        for tick in reversed(self._prices):
            after = bounds[-1]
            best, move = idle + after[None], None
            for name, price in tick.items():
                begun = scale * price + restart + after[name, price]
                if begun < best:
                    best, move = begun, (name, price)
            bound = dict.fromkeys(after, best)
            for place in self._places:
                if place is not None and place[0] in tick:
                    bound[place] = min(best, scale * place[1] + after[place])
            bounds.append(bound)
            moves.append(move)
        bounds.reverse()
        moves.reverse()
        return self._followed(bounds, moves, scale), bounds

    def _followed(self, bounds: list[dict[Place, int]], moves: list[Place], scale: int) -> Course:
        """The course that the bounds lead along."""
        cost = lost_ms = 0
        here: Place = None
        places: list[Place] = []
        for k, tick in enumerate(self._prices):
            stays = here is not None and here[0] in tick and bounds[k][here] == scale * here[1] + bounds[k + 1][here]
            if not stays:
                here = moves[k]
                lost_ms += self._tick_ms if here is None else self._restart_ms
            cost += 0 if here is None else here[1]
            places.append(here)
        return Course(cost, lost_ms, tuple(places))

    def _deepened(self, best: Course, slack_ms: int, scale: int, per_ms: int, bounds: list[dict[Place, int]]) -> Course:
        """The cheapest course, `best` if no other costs less. It looks near the bound first, where few courses are:
        whatever is found there below the limit is the cheapest, since all that cost less lie below it too."""
        least, most = bounds[0][None], scale * best.cost + per_ms * slack_ms
        gap = max(1, (most - least) >> _DEEPENINGS_LOG)
        while True:
            limit = min(least + gap, most)
            best = self._labelled(best, slack_ms, scale, per_ms, bounds, limit)
            most = scale * best.cost + per_ms * slack_ms
            if most <= limit:
                return best
            gap *= 2

    def _labelled(
        self,
        best: Course,
        slack_ms: int,
        scale: int,
        per_ms: int,
        bounds: list[dict[Place, int]],
        limit: int,
    ) -> Course:
        """The cheapest course, among `best` and all whose parts keep below the limit."""
        labels: dict[Place, list[Label]] = {None: [(0, 0, None, None)]}
        for k, tick in enumerate(self._prices):
            reached: dict[Place, list[Label]] = {}
            after = bounds[k + 1]
            for here, those in labels.items():
                moves = [(None, 0, self._tick_ms), *(((n, p), p, self._restart_ms) for n, p in tick.items())]
                if here is not None and here[0] in tick:
                    moves = [move for move in moves if move[0] != here]
                    moves.append((here, here[1], 0))
                weighed = [
                    (scale * price + per_ms * lost + after[place] - limit, place, price, lost)
                    for place, price, lost in moves
                ]
                for label in those:
                    cost, lost_ms, _, _ = label
                    value = scale * cost + per_ms * lost_ms
                    for weight, place, price, lost in weighed:
                        # Less than the limit, not as little: the best that is known is there already.
                        if value + weight < 0 and lost_ms + lost <= slack_ms:
                            reached.setdefault(place, []).append((cost + price, lost_ms + lost, place, label))
            labels = {place: _undominated(those) for place, those in reached.items()}
        last = min((label for those in labels.values() for label in those), key=_cost_and_lost, default=None)
        if last is None or last[0] >= best.cost:
            return best
        places: list[Place] = []
        cost, lost_ms, place, before = last
        while before is not None:
            places.append(place)
            _, _, place, before = before
        return Course(cost, lost_ms, tuple(reversed(places)))


def _undominated(labels: list[Label]) -> list[Label]:
    """Those of which none other is as cheap and has lost as little."""
    labels.sort(key=_cost_and_lost)
    kept: list[Label] = []
    for label in labels:
        if not kept or label[1] < kept[-1][1]:
            kept.append(label)
    return kept
