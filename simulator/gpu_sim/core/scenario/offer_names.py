"""The names that a selector may use: those that the offers of a market have, with the nearest for one that none has."""

from collections.abc import Iterator

from ..kernel.names import did_you_mean
from .acts import Selector
from .catalog import OfferSpec

Path = tuple[str | int, ...]
"""The way to a field: keys and indexes."""


class OfferNames:
    """The names of these offers, gathered at the first use: most worlds never need them."""

    __slots__ = ("_offers", "_spellings")

    def __init__(self, offers: tuple[OfferSpec, ...]) -> None:
        self._offers = offers
        self._spellings: dict[str, dict[str, str]] = {}

    def unknown(self, field: str, name: str, *, key: str | None = None) -> str | None:
        """The problem with a name that no offer has in that field, with the nearest that there is (A13), or None.
        `key` is how the field was called where the name was written."""
        if name.casefold() in self._of(field):
            return None
        return f'no offer has {key or field} "{name}"{did_you_mean(name, self._of(field).values())}'

    def problems(
        self, selector: Selector, where: Path = (), *, provider_key: str = "provider"
    ) -> Iterator[tuple[Path, str]]:
        """Why no offer matches the selector at that path, if none does."""
        chosen = (("provider_id", selector.provider), ("gpu_model", selector.gpu_model), ("region", selector.region))
        known = True
        for field, value in chosen:
            key = provider_key if field == "provider_id" else field
            problem = None if value is None else self.unknown(field, value, key=key)
            if problem is not None:
                known = False
                yield (*where, key), problem
        if known and not any(selector.matches(o.provider_id, o.gpu_model, o.region) for o in self._offers):
            yield where, "no offer matches all of these"

    def _of(self, field: str) -> dict[str, str]:
        if field not in self._spellings:
            names: list[str] = [getattr(offer, field) for offer in self._offers]
            self._spellings[field] = {name.casefold(): name for name in names}
        return self._spellings[field]
