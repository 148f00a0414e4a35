"""The rentals of a world: all by id, the live ones by account, and the latest of the ended ones in order."""

from collections import deque
from collections.abc import Iterator
from itertools import islice

from ..kernel.errors import RentalNotFound
from .rental import Rental


class RentalBook:
    """The rentals that are held. `by_id` is in the order of the rents; `created` and `ended_total` count all of the
    world's, held or not."""

    def __init__(self) -> None:
        self.by_id: dict[str, Rental] = {}
        self.created = 0
        self.ended_total = 0
        self._ended: deque[str] = deque()
        self._live: dict[str, dict[str, Rental]] = {}

    def find(self, rental_id_: str, account: str | None = None) -> Rental:
        """The rental of that id. Raises RentalNotFound, for an account also where it is not its own (A13) or hidden."""
        rental = self.by_id.get(rental_id_)
        if rental is None or (account is not None and (rental.account != account or rental.is_hidden)):
            raise RentalNotFound(f'no rental "{rental_id_}"')
        return rental

    def live(self) -> Iterator[Rental]:
        """The rentals that are not over, account by account."""
        for rentals in self._live.values():
            yield from rentals.values()

    def live_in_order(self) -> list[Rental]:
        """The rentals that are not over, in the order in which they were rented."""
        return sorted(self.live(), key=_number)

    def drop_ended(self, keep: int) -> None:
        """Drop all but the latest `keep` ended rentals: nobody finds them any more."""
        while len(self._ended) > keep:
            del self.by_id[self._ended.popleft()]

    @property
    def ended_held(self) -> int:
        """The number of ended rentals that are held."""
        return len(self._ended)

    def ended(self) -> Iterator[Rental]:
        """The ended rentals that are held, in the order in which they ended."""
        return map(self.by_id.__getitem__, self._ended)

    def ended_since(self, count: int) -> Iterator[tuple[int, Rental]]:
        """The rentals that ended after the first `count`, each with the number of those ended by then."""
        first = self.ended_total - len(self._ended)
        assert count >= first, "dropped already"
        for number, id_ in enumerate(islice(self._ended, count - first, None), count + 1):
            yield number, self.by_id[id_]

    def enter(self, rental: Rental) -> None:
        """Add a live rental."""
        self.created += 1
        self.by_id[rental.rental_id] = rental
        self._live.setdefault(rental.account, {})[rental.rental_id] = rental

    def retire(self, rental: Rental) -> None:
        """Move a rental from the live to the ended ones."""
        del self._live[rental.account][rental.rental_id]
        self._ended.append(rental.rental_id)
        self.ended_total += 1

    def live_of(self, account: str) -> Iterator[Rental]:
        """An account's rentals that are not over."""
        yield from self._live.get(account, {}).values()

    def refill(self, live: tuple[Rental, ...], ended: tuple[Rental, ...], *, created: int, ended_total: int) -> None:
        """Hold these rentals instead, and count on from there."""
        self.created, self.ended_total = created, ended_total
        self.by_id = {rental.rental_id: rental for rental in sorted((*ended, *live), key=_number)}
        self._ended = deque(rental.rental_id for rental in ended)
        self._live = {}
        for rental in live:
            self._live.setdefault(rental.account, {})[rental.rental_id] = rental


def _number(rental: Rental) -> int:
    return rental.number
