"""Defects in the offers list, and in what capacity there is: F3 to F6, A14, A15."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from gpu_sim.api import replies
from gpu_sim.api.offers import listing
from gpu_sim.api.offers.sorted_rows import SortedRows
from gpu_sim.core.kernel.money import format_price
from gpu_sim.core.market import market
from gpu_sim.core.market.offer import Offer

from ..registry import Soil, canary

Query = Mapping[str, str]
"""The parameters of a request for the list."""

FILTERS = "test_offers.py::test_f5_each_filter_alone_and_all_together"


@canary(FILTERS, shows=r"F5: \{'.*== \[\]")
def filters_are_joined_by_or(soil: Soil) -> None:
    """F5: an offer that matches any of the filters is listed."""
    sound = listing.Listing._select

    def select(self: Any, parameters: Query) -> SortedRows:
        matching = [sound(self, {name: value}) for name, value in parameters.items()]
        everything = sound(self, {})
        return (
            SortedRows(row for row in everything if any(row in rows for rows in matching)) if matching else everything
        )

    soil.plant(listing.Listing, "_select", select)


@canary(
    "test_offers.py::test_f5_bounds_are_inclusive",
    shows=r"assert row in target\.offers\(max_price=price, min_vram=str\(vram\)\)",
)
def max_price_is_exclusive(soil: Soil) -> None:
    """F5: an offer at exactly the maximum is left out."""
    sound = listing.Listing._select

    def select(self: Any, parameters: Query) -> SortedRows:
        rows = sound(self, parameters)
        limit = Decimal(parameters.get("max_price", "Infinity")) * 1_000_000
        return SortedRows(row for row in rows if row.price_micros < limit)

    soil.plant(listing.Listing, "_select", select)


@canary("test_offers.py::test_f5_memory_is_compared_as_a_number", shows=r"assert \{9\d, 9\d\} == \{")
def min_vram_is_compared_as_text(soil: Soil) -> None:
    """F5: 9 GB are more than 24, since "9" comes after "2"."""
    sound = listing.Listing._select

    def select(self: Any, parameters: Query) -> SortedRows:
        rows = sound(self, {name: value for name, value in parameters.items() if name != "min_vram"})
        return SortedRows(row for row in rows if str(row.vram_gb) >= parameters.get("min_vram", ""))

    soil.plant(listing.Listing, "_select", select)


@canary("test_offers.py::test_f3_the_count_is_of_the_offers_that_match", shows=r"assert 79 == \d+")
def count_is_of_all_offers(soil: Soil) -> None:
    """F3: the count ignores the filters."""
    sound = listing.Listing._compose

    def compose(self: Any, query: bytes) -> replies.Reply:
        answer = msgspec.json.decode(sound(self, query).body)
        answer["count"] = len(self._select({}))
        return replies.json_reply(200, answer)

    soil.plant(listing.Listing, "_compose", compose)


@canary(
    "test_offers.py::test_f4_the_documented_offer_is_there_to_the_letter",
    shows=r"price_per_gpu_hour: '\d+\.\d{4}' does not match",
)
def prices_have_four_decimals(soil: Soil) -> None:
    """F4: a price is shown finer than it is."""

    def finer(micros_per_hour: int) -> str:
        return format_price(micros_per_hour) + "0"

    soil.plant(listing, "format_price", finer)


@canary(
    "test_offers.py::test_a15_cheapest_first_then_by_name_and_always_the_same",
    shows=r"assert keys == sorted\(keys\).*A15: not cheapest first",
)
def offers_are_listed_by_name(soil: Soil) -> None:
    """A15: the cheapest offer is not the first."""
    sound = listing.Listing._select

    def select(self: Any, parameters: Query) -> SortedRows:
        return SortedRows(sorted(sound(self, parameters), key=lambda row: row[1:4]))

    soil.plant(listing.Listing, "_select", select)


@canary("test_offers.py::test_a14_names_match_in_any_case", shows=r"assert \[\] == \[\{")
def names_match_in_one_case_only(soil: Soil) -> None:
    """A14: a filter finds a name in the catalogue's spelling alone."""
    sound = listing.Listing._select

    def select(self: Any, parameters: Query) -> SortedRows:
        named = {"gpu_model": "gpu_model", "provider": "provider_id"}
        return SortedRows(
            row
            for row in sound(self, parameters)
            if all(getattr(row, named[name]) == value for name, value in parameters.items() if name in named)
        )

    soil.plant(listing.Listing, "_select", select)


@canary(
    "test_offers.py::test_f6_an_offer_without_free_gpus_is_not_listed_until_one_comes_back",
    shows=r"assert world\.offers\(\) == before\n",
    # Whichever its histories come to first: the offer is missing in the list, or cannot be rented any more.
    machine=r"F5: not the offers|must succeed: POST /v1/gpu/rent -> 409 .*the offer has 0 free GPUs now",
)
def capacity_is_not_returned(soil: Soil) -> None:
    """F13: the GPUs of a rental that ended stay taken."""

    def give_back(self: market.Market, offer: Offer, gpu_count: int) -> None:
        pass

    soil.plant(market.Market, "give_back", give_back)


@canary(
    "test_offers.py::test_f6_an_end_gives_back_its_own_gpus_and_no_others",
    shows=r"must be 409: POST /v1/gpu/rent -> 201",
)
def capacity_is_returned_twice(soil: Soil) -> None:
    """F6: the end of a rental frees the GPUs of another one too."""
    sound = market.Market.give_back

    def give_back(self: market.Market, offer: Offer, gpu_count: int) -> None:
        sound(self, offer, min(offer.used, 2 * gpu_count))

    soil.plant(market.Market, "give_back", give_back)
