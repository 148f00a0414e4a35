"""The offers list: F3 to F6, A14, A15."""

from typing import Any

import pytest
from hypothesis import given

from ..document.error_codes import RENTED
from ..model.examples import Examples
from ..model.fresh_world import learn_offers
from ..model.reference_model import Model
from ..model.rental_history import Offer
from ..model.strategies import ValidRent, filters, wrong_queries
from ..target.money import MICRO, amount, dollars
from ..target.target import Target
from .situations import example, refused, rented, running, unchanged_offers


def test_f3_the_list_counts_what_it_holds(target: Target) -> None:
    answer = target.send("GET", "/v1/gpu/offers")
    assert answer.status == 200, answer
    assert answer.json["object"] == "list"
    assert answer.json["count"] == len(answer.json["data"])


def test_f3_the_count_is_of_the_offers_that_match(target: Target) -> None:
    with unchanged_offers(target) as rows:
        provider = rows[0]["provider_id"]
        answer = target.send("GET", "/v1/gpu/offers", query=[("provider", provider)])
        assert answer.json["count"] == len(answer.json["data"])
        assert answer.json["count"] == sum(row["provider_id"] == provider for row in rows)


def test_f3_the_default_catalogue_has_79_offers(world: Target) -> None:
    assert world.send("GET", "/v1/gpu/offers").json["count"] == 79


def test_f4_the_documented_offer_is_there_to_the_letter(world: Target) -> None:
    rows = world.offers(gpu_model="RTX 4090", provider="vast-ai")
    assert [row for row in rows if row["region"] == "Quebec, CA"] == [
        {
            "gpu_model": "RTX 4090",
            "vram_gb": 24,
            "provider_id": "vast-ai",
            "region": "Quebec, CA",
            "price_per_gpu_hour": "0.287",
            "interruption_probability": 0.02,
            "spot": True,
        }
    ]


def test_f4_an_offer_has_the_documented_fields_and_no_others(target: Target) -> None:
    names = {
        "gpu_model",
        "vram_gb",
        "provider_id",
        "region",
        "price_per_gpu_hour",
        "interruption_probability",
        "spot",
    }
    assert [set(row) for row in target.offers() if set(row) != names] == []


def test_f5_each_filter_alone_and_all_together(target: Target, examples: Examples) -> None:
    """The model filters the unfiltered list; the server must come to the same, in any order (A15)."""
    with unchanged_offers(target) as listed:
        offers = [Offer(row, 1) for row in listed]
        model = Model(0, offers, 0, {})

        @examples
        @given(chosen=filters(offers, cases=(str,)))
        def check(chosen: dict[str, str]) -> None:
            found, expected = (sorted(map(repr, rows)) for rows in (target.offers(**chosen), model.listed(chosen)))
            assert found == expected, f"F5: {chosen}"

        check()


def test_f5_bounds_are_inclusive(target: Target) -> None:
    with unchanged_offers(target) as rows:
        row = rows[0]
        price, vram = row["price_per_gpu_hour"], row["vram_gb"]
        assert row in target.offers(max_price=price, min_vram=str(vram))
        assert row in target.offers(max_price=price + "000")
        assert row not in target.offers(max_price=amount(dollars(price) - MICRO))
        assert row not in target.offers(min_vram=str(vram + 1))


def test_f5_memory_is_compared_as_a_number(target: Target) -> None:
    with unchanged_offers(target) as rows:
        vrams = {row["vram_gb"] for row in target.offers(min_vram="9")}
        assert vrams == {row["vram_gb"] for row in rows if row["vram_gb"] >= 9}


def test_f6_an_offer_without_free_gpus_is_not_listed_until_one_comes_back(world: Target) -> None:
    offer = min(learn_offers(world), key=lambda offer: (offer.capacity, offer.price))
    names = {name: offer.row[name] for name in ("gpu_model", "provider_id", "region")}
    body = {**names, "model_id": "m", "docker_image": "i", "gpu_count": offer.capacity}
    before = world.offers()
    answer = world.rent(body)
    assert answer.json["status"] == "provisioning", answer
    assert world.offers() == [row for row in before if row != offer.row]
    refused(world.rent({**body, "gpu_count": 1}), 409, "offer_unavailable")
    world.terminate(answer.json["rental_id"])
    assert world.offers() == before


def test_f6_an_end_gives_back_its_own_gpus_and_no_others(world: Target) -> None:
    """One rental has a single GPU and another all the rest: after the end of the first just one can be had."""
    offers = learn_offers(world)
    pick, offer = next((pick, offer) for pick, offer in enumerate(offers) if offer.capacity > 2)
    single, rest, pair = (ValidRent(pick, extras=(("gpu_count", n),)).body(offers) for n in (1, offer.capacity - 1, 2))
    first = world.rent(single)
    assert {first.status, world.rent(rest).status} <= RENTED
    world.terminate(first.json["rental_id"])
    refused(world.rent(pair), 409, "offer_unavailable")
    assert world.rent(single).status in RENTED


def test_f6_gpus_that_the_market_took_are_listed_when_they_are_back(world: Target) -> None:
    """In the suite's own scenarios they are back at once."""
    offer = min(learn_offers(world), key=lambda offer: (offer.capacity, offer.price))
    names = {name: offer.row[name] for name in ("gpu_model", "provider_id", "region")}
    before = world.offers()
    rental = running(world, **names, gpu_count=offer.capacity)
    assert offer.row not in world.offers()
    world.interrupt(rental["rental_id"])
    assert world.offers() == before


@pytest.mark.parametrize("spell", [str.upper, str.lower, str.swapcase])
def test_a14_names_match_in_any_case(target: Target, spell: Any) -> None:
    with unchanged_offers(target) as rows:
        row = rows[0]
        plain = target.offers(gpu_model=row["gpu_model"], provider=row["provider_id"])
        assert row in plain
        respelled = target.offers(gpu_model=spell(row["gpu_model"]), provider=spell(row["provider_id"]))
        assert respelled == plain, f"A14: names in another case list {len(respelled)} offers, not {len(plain)}"


def test_a14_a_part_of_a_name_matches_nothing(target: Target) -> None:
    with unchanged_offers(target) as rows:
        row = rows[0]
        answer = target.send("GET", "/v1/gpu/offers", query=[("gpu_model", row["gpu_model"][:-1])])
        assert answer.status == 200, answer
        assert answer.json == {"object": "list", "count": 0, "data": []}


def test_a14_a_wrong_query_is_refused_by_name(target: Target, examples: Examples) -> None:
    @examples
    @given(case=wrong_queries())
    def check(case: tuple[tuple[tuple[str, str], ...], frozenset[str]]) -> None:
        pairs, codes = case
        error = refused(target.send("GET", "/v1/gpu/offers", query=list(pairs)), 400, *codes)
        assert error["param"] == pairs[0][0], f"A12: param must name {pairs[0][0]}: {error}"

    check()


def test_a14_the_other_endpoints_refuse_parameters_too(world: Target) -> None:
    query = [("verbose", "1")]
    path = f"/v1/gpu/rentals/{rented(world)['rental_id']}"
    before = world.accounts()
    answers = [world.send("GET", path, query=query), world.send("DELETE", path, query=query)]
    answers.append(world.send("POST", "/v1/gpu/rent", query=query, body=example(world)))
    for answer in answers:
        assert refused(answer, 400, "unknown_parameter")["param"] == "verbose"
    assert world.accounts() == before


def test_a15_cheapest_first_then_by_name_and_always_the_same(target: Target) -> None:
    with unchanged_offers(target) as rows:
        keys = [(dollars(r["price_per_gpu_hour"]), r["provider_id"], r["region"], r["gpu_model"]) for r in rows]
        assert keys == sorted(keys), "A15: not cheapest first, then by provider, region and model"
        assert len(set(keys)) == len(keys), "A15: an offer is listed twice"
        assert target.offers() == rows, "A15: the same list in another order"
