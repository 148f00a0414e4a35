"""A Markov chain as a recorder samples it, looking now and then: exact expectations, without a simulation.

Time is counted in looks, all at the same distance. An event of an offer is a look that finds it down after one that
found it up. Sums over lags have a closed form, so that the variance of counts over months costs no more than over
hours.
"""

import numpy as np
from scipy.linalg import expm

from ..traces.arrays import Floats, Marks
from .joint_chain import JointChain


class SampledChain:
    """A chain in its long run, looked at every `every_h` hours. Offers are named by their place in it."""

    def __init__(self, chain: JointChain, every_h: float) -> None:
        self.step: Floats = np.asarray(expm(chain.generator * every_h), np.float64)
        self.shares = _stationary(chain.generator)
        self._ups = chain.ups
        self._squares = [self.step]  # the step's powers 1, 2, 4, …: any other is a product of few of them
        # The fundamental matrix of the chain; adding the shares to each row makes it invertible. Its square is what the
        # closed form of `_lagged_sum` needs.
        settling = np.linalg.inv(np.eye(len(self.shares)) - self.step + self.shares)
        self._settling = settling @ settling

    def up(self, offer: int) -> Marks:
        """The states in which an offer is up."""
        states: Marks = self._ups[offer]
        return states

    def availability(self, offer: int) -> float:
        """The share of looks that find it up."""
        return float(self.shares @ self.up(offer))

    def event_share(self, offer: int) -> float:
        """The share of looks that are events of an offer."""
        return float(self.shares @ self._event(offer).sum(axis=1))

    def power(self, looks: int, values: Floats) -> Floats:
        """The expected value, from each state, of a function of the state so many looks later."""
        number = 0
        while looks:
            if number == len(self._squares):
                self._squares.append(self._squares[-1] @ self._squares[-1])
            if looks & 1:
                values = self._squares[number] @ values
            looks >>= 1
            number += 1
        return values

    def up_covariance(self, one: int, other: int, lag: int = 0) -> float:
        """The covariance of one being up at a look, and the other so many looks later."""
        later = self.power(lag, self.up(other).astype(np.float64))
        together = float((self.shares * self.up(one)) @ later)
        return together - self.availability(one) * self.availability(other)

    def up_covariance_of_means(self, one: int, other: int, looks: int) -> float:
        """The covariance of the shares of so many looks in a row that find each of them up: the means of a recording of
        that length take this much of the covariance away."""
        total = looks * self.up_covariance(one, other)
        for first, second in ((one, other), (other, one)):
            left, right = self.shares * self.up(first), self.up(second).astype(np.float64)
            total += self._lagged_sum(looks, left, right)
        return total / looks**2

    def events_together(self, one: int, other: int, lag: int = 0) -> float:
        """The share of looks that are an event of one, with an event of the other so many looks later."""
        if lag == 0:
            return float(self.shares @ (self._event(one) * self._goes_down(other)).sum(axis=1))
        follows = self.power(lag - 1, self._event(other).sum(axis=1))
        return float(self.shares @ self._event(one) @ follows)

    def count_covariance(self, one: int, other: int, looks: float) -> float:
        """The covariance of the numbers of their events in so many looks in a row, interpolated for fractions."""
        whole = int(looks)
        rest = looks - whole
        covariance = (1 - rest) * self._count_covariance(one, other, whole)
        if rest:
            covariance += rest * self._count_covariance(one, other, whole + 1)
        return covariance + rest * (1 - rest) * self.event_share(one) * self.event_share(other)

    def _count_covariance(self, one: int, other: int, looks: int) -> float:
        by_chance = self.event_share(one) * self.event_share(other)
        total = looks * (self.events_together(one, other) - by_chance)
        for first, second in ((one, other), (other, one)):
            left, right = self.shares @ self._event(first), self._event(second).sum(axis=1)
            total += (looks - 1) * (float(left @ right) - by_chance) + self._lagged_sum(looks - 1, left, right)
        return total

    def _lagged_sum(self, looks: int, left: Floats, right: Floats) -> float:
        """Σ (looks − k)(left Pᵏ right − what it comes to for large k), over k from 1 to looks − 1."""
        settling = self._settling @ (right - float(self.shares @ right))
        next_ = self.step @ settling
        inner = (looks - 1) * settling - looks * next_ + self.power(looks, settling)
        return float(left @ self.step @ inner)

    def _event(self, offer: int) -> Floats:
        """The chance that each state is followed by each other with an event of the offer in between."""
        return self.step * self._goes_down(offer)

    def _goes_down(self, offer: int) -> Marks:
        return np.outer(self.up(offer), ~self.up(offer))

    def run_shares(self, looks: int, *, state: bool) -> Floats:
        """The expected numbers of complete runs of 1, 2, … looks, in so many looks, of the first offer being up, or
        down; a run is complete where a look of the other kind is on both of its sides."""
        inside = self.up(0) == state
        enters = self.shares[~inside] @ self.step[np.ix_(~inside, inside)]
        leaves = self.step[np.ix_(inside, ~inside)].sum(axis=1)
        stays = self.step[np.ix_(inside, inside)]
        # With a look on each of its sides a run of n looks has room at looks − 1 − n places.
        lengths = np.arange(1, looks - 1)
        return np.asarray(_powers(enters, stays, len(lengths)) @ leaves * (looks - 1 - lengths), np.float64)


def _stationary(generator: Floats) -> Floats:
    # One of the equations follows from the others; in its place the shares come to 1.
    equations = np.vstack([generator.T[:-1], np.ones(len(generator))])
    answer: Floats = np.linalg.solve(equations, np.r_[np.zeros(len(generator) - 1), 1.0])
    return answer


def _powers(row: Floats, matrix: Floats, count: int) -> Floats:
    """Row × matrix to the powers 0 to count − 1, a row each; the rows double until there are enough."""
    found = row[np.newaxis, :]
    while len(found) < count:
        found = np.vstack([found, found @ matrix])
        matrix = matrix @ matrix
    return found[:count]
