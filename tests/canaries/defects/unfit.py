"""Canaries that prove nothing: the test of the canaries must say so of each."""

from typing import Any

from gpu_sim.api import replies
from gpu_sim.api.offers import listing
from gpu_sim.core.billing import charges

from ..registry import Registry, Soil
from .money import MINIMUM

unfit = Registry()

COUNT = "test_offers.py::test_f3_the_count_is_of_the_offers_that_match"


@unfit(MINIMUM, shows=r"'0\.071670' == '0\.071750'")
def nobody_comes_by(soil: Soil) -> None:
    """Planted where the rule is written, but whoever bills has its name from there already."""

    def billed_seconds(*arguments: Any) -> int:
        return 899

    soil.plant(charges, "billed_seconds", billed_seconds)


@unfit(COUNT, shows=r"assert 79 == \d+")
def nothing_is_wrong(soil: Soil) -> None:
    """The planted piece does what the sound one does."""
    soil.plant(listing.Listing, "_compose", listing.Listing._compose)


@unfit(COUNT, shows=r"assert 79 == \d+")
def everything_fails(soil: Soil) -> None:
    """The clause fails, but because the server does."""

    def compose(self: Any, query: bytes) -> replies.Reply:
        raise LookupError(query)

    soil.plant(listing.Listing, "_compose", compose)


@unfit(COUNT, shows=r"assert 79 == \d+")
def something_else_is_wrong(soil: Soil) -> None:
    """The clause fails, but because of what another one is about."""

    def compose(self: Any, query: bytes) -> replies.Reply:
        return replies.json_reply(200, {"object": "offers", "count": len(self._select({})), "data": []})

    soil.plant(listing.Listing, "_compose", compose)
