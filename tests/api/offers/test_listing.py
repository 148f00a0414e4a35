"""The offers list: its shape, filters and order (F3–F6, A14, A15)."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote
from weakref import ref

import msgspec
import pytest
from gpu_sim.api.offers import listing
from gpu_sim.api.offers.listing import Listing, Listings
from gpu_sim.core.kernel.quantities import Duration, Price
from gpu_sim.core.scenario.acts import Act, OutageAct, PriceAct
from gpu_sim.core.scenario.market_settings import MarketSettings
from gpu_sim.core.scenario.scenario import ApiSettings
from gpu_sim.worlds.world import World
from gpu_sim.worlds.worlds import Worlds
from msgspec.structs import replace

from ...support.asgi import DOCUMENTED_OFFER, RENT, Api, scenario
from ...support.builders import market, offer, on_demand_offer

OFFERS = "/v1/gpu/offers"
FOUR = market(
    offer(),
    offer("Texas, US", spot=300_000, capacity=1),
    offer("Quebec, CA", provider_id="runpod", provider_class="neocloud", spot=287_000),
    offer("Frankfurt, DE", provider_id="Aws", gpu_model="H100", spot=2_100_000, on_demand=4_000_000),
)


@pytest.fixture
def api(runner: asyncio.Runner) -> Api:
    return Api(runner, scenario(market=FOUR))


def listed(api: Api, query: str = "") -> list[str]:
    """The offers that a query finds, each as `provider region`, in their order."""
    answer = api.get(OFFERS + query)
    assert answer["count"] == len(answer["data"])
    return [f"{o['provider_id']} {o['region'].split(',')[0]}" for o in answer["data"]]


def test_f3_the_list_is_an_object_with_its_count(api: Api) -> None:
    answer = api.get(OFFERS)
    assert list(answer) == ["object", "count", "data"]
    assert (answer["object"], answer["count"], len(answer["data"])) == ("list", 4, 4)


def test_f4_an_offer_has_exactly_the_documented_fields(api: Api) -> None:
    offered = api.get(f"{OFFERS}?provider=vast-ai")["data"][0]
    assert offered == DOCUMENTED_OFFER


def test_f4_an_offer_on_demand_says_so(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(market=market(offer(), on_demand_offer())))
    shown = {each["provider_id"]: each["spot"] for each in api.get(OFFERS)["data"]}
    assert shown == {"vast-ai": True, "vast-ai-on-demand": False}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?gpu_model=H100", ["Aws Frankfurt"]),
        ("?gpu_model=RTX%204090", ["runpod Quebec", "vast-ai Quebec", "vast-ai Texas"]),
        ("?gpu_model=RTX+4090", ["runpod Quebec", "vast-ai Quebec", "vast-ai Texas"]),
        ("?provider=vast-ai", ["vast-ai Quebec", "vast-ai Texas"]),
        ("?min_vram=24", ["runpod Quebec", "vast-ai Quebec", "vast-ai Texas", "Aws Frankfurt"]),
        ("?min_vram=25", []),
        ("?max_price=0.287", ["runpod Quebec", "vast-ai Quebec"]),
        ("?max_price=0.2869999", []),
        ("?max_price=0.3", ["runpod Quebec", "vast-ai Quebec", "vast-ai Texas"]),
        ("?max_price=3", ["runpod Quebec", "vast-ai Quebec", "vast-ai Texas", "Aws Frankfurt"]),
        ("?max_price=0", []),
        ("", ["runpod Quebec", "vast-ai Quebec", "vast-ai Texas", "Aws Frankfurt"]),
        ("?", ["runpod Quebec", "vast-ai Quebec", "vast-ai Texas", "Aws Frankfurt"]),
    ],
)
def test_f5_each_filter_keeps_the_offers_that_match_it(api: Api, query: str, found: list[str]) -> None:
    assert listed(api, query) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?gpu_model=RTX%204090&provider=vast-ai&min_vram=24&max_price=0.29", ["vast-ai Quebec"]),
        ("?max_price=0.29&min_vram=24&provider=vast-ai&gpu_model=RTX%204090", ["vast-ai Quebec"]),
        ("?gpu_model=H100&provider=vast-ai", []),
        ("?provider=runpod&max_price=0.287", ["runpod Quebec"]),
    ],
)
def test_f5_all_filters_stack(api: Api, query: str, found: list[str]) -> None:
    assert listed(api, query) == found


@pytest.mark.parametrize("query", ["?gpu_model=rtx%204090&provider=VAST-AI", "?gpu_model=RTX%204090&provider=Vast-Ai"])
def test_a14_names_match_whatever_their_case_and_are_echoed_as_in_the_catalogue(api: Api, query: str) -> None:
    offered = api.get(OFFERS + query)["data"][0]
    assert (offered["gpu_model"], offered["provider_id"]) == ("RTX 4090", "vast-ai")


@pytest.mark.parametrize(
    "query", ["?gpu_model=H1000", "?gpu_model=H10", "?provider=nobody", "?min_vram=999999", "?gpu_model=%00"]
)
def test_a14_a_value_that_nothing_matches_finds_nothing(api: Api, query: str) -> None:
    assert api.get(OFFERS + query) == {"object": "list", "count": 0, "data": []}


@pytest.mark.parametrize(
    ("query", "param", "nearest"),
    [
        ("?gpu_modle=H100", "gpu_modle", "gpu_model"),
        ("?min_vram_gb=24", "min_vram_gb", "min_vram"),
        ("?limit=1", "limit", None),
        ("?gpu_model=H100&provider_id=aws", "provider_id", "provider"),
        ("?=1", "", None),
        ("?GPU_MODEL=H100", "GPU_MODEL", "gpu_model"),
    ],
)
def test_a14_an_unknown_parameter_is_refused_with_the_nearest_one(
    api: Api, query: str, param: str, nearest: str | None
) -> None:
    with api.unchanged():
        error = api.call("GET", OFFERS + query).refused(400, "unknown_parameter", param)
    assert nearest is None or f'did you mean "{nearest}"?' in error["message"]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("?gpu_model=H100&gpu_model=H100", "gpu_model"),
        ("?gpu_model", "gpu_model"),
        ("?gpu_model=", "gpu_model"),
        ("?gpu_model=%ff", "gpu_model"),
        ("?gpu_model=%ed%a0%80", "gpu_model"),
        ("?%ff=1", "query"),
        ("?provider=", "provider"),
        *(("?min_vram=" + quote(value), "min_vram") for value in ("-1", "1.5", "many", "1e3", " 24", "٢٤", "9" * 19)),
        *(
            ("?max_price=" + quote(value), "max_price")
            for value in ("-0.1", "NaN", "inf", "1e9", "$1", ".", "1.2.3", ".3", "1.", "1_0")
        ),
        ("?max_price=" + "9" * 25, "max_price"),
        ("?max_price=0.3&max_price=0.3", "max_price"),
    ],
)
def test_a14_a_repeated_or_malformed_parameter_is_refused(api: Api, query: str, param: str) -> None:
    with api.unchanged():
        api.call("GET", OFFERS + query).refused(400, "invalid_value", param)


def test_unknown_parameters_are_ignored_where_the_scenario_says_so(runner: asyncio.Runner) -> None:
    api = Api(runner, scenario(market=FOUR, api=ApiSettings(unknown_fields="ignore")))
    assert listed(api, "?colour=red&gpu_model=H100&colour=blue") == ["Aws Frankfurt"]
    api.call("GET", OFFERS + "?gpu_model=").refused(400, "invalid_value", "gpu_model")


def test_a15_offers_come_by_price_then_provider_then_region_then_model(runner: asyncio.Runner) -> None:
    rows: list[tuple[int, str, str, str]] = [
        (500_000, "b", "x", "m"),
        (400_000, "b", "x", "m2"),
        (400_000, "b", "y", "m1"),
        (400_000, "a", "z", "m"),
        (400_000, "b", "x", "m1"),
        (1_000_000, "a", "x", "m"),
    ]
    offers = [
        offer(region, provider_id=provider, gpu_model=model, spot=price, on_demand=2_000_000)
        for price, provider, region, model in rows
    ]
    data = Api(runner, scenario(market=market(*offers))).get(OFFERS)["data"]
    seen = [(o["price_per_gpu_hour"], o["provider_id"], o["region"], o["gpu_model"]) for o in data]
    assert seen == [
        ("0.400", "a", "z", "m"),
        ("0.400", "b", "x", "m1"),
        ("0.400", "b", "x", "m2"),
        ("0.400", "b", "y", "m1"),
        ("0.500", "b", "x", "m"),
        ("1.000", "a", "x", "m"),
    ]


def test_f6_an_offer_without_free_gpus_is_not_listed_until_they_are_back(api: Api) -> None:
    answer = api.call("POST", "/v1/gpu/rent", RENT | {"region": "Texas, US"})
    assert "vast-ai Texas" not in listed(api)
    assert listed(api, "?max_price=0.3") == ["runpod Quebec", "vast-ai Quebec"]
    api.delete(answer.json()["rental_id"])
    assert "vast-ai Texas" in listed(api)


def test_after_a_reset_the_list_is_of_the_new_market(api: Api) -> None:
    everything = listed(api)
    api.call("POST", "/v1/gpu/rent", RENT | {"region": "Texas, US"})
    assert listed(api) != everything
    api.call("POST", "/_sim/reset")
    assert listed(api) == everything
    api.call("POST", "/v1/gpu/rent", RENT | {"gpu_count": 4})
    assert "vast-ai Quebec" not in listed(api)


def acting(runner: asyncio.Runner, **act: Any) -> Api:
    """A market with an act on Quebec from minute one to minute two."""
    return Api(runner, scenario(market=FOUR, timeline=(Act(at=Duration(60_000), **act),)))


def test_f6_an_offer_in_an_outage_is_not_listed_until_it_is_over(runner: asyncio.Runner) -> None:
    api = acting(runner, outage=OutageAct(region="quebec, ca", for_=Duration(60_000)))
    everything = listed(api)
    api.advance("59s999ms")
    assert listed(api) == everything
    api.advance("1ms")
    assert listed(api) == ["vast-ai Texas", "Aws Frankfurt"]
    api.advance("1m")
    assert listed(api) == everything


def test_f6_the_price_is_the_current_one_and_filters_use_it(runner: asyncio.Runner) -> None:
    api = acting(runner, price=PriceAct(provider="vast-ai", region="Quebec, CA", set=Price(250_000)))
    assert listed(api, "?max_price=0.25") == []
    api.advance("1m")
    assert listed(api, "?max_price=0.25") == ["vast-ai Quebec"]
    assert api.get(OFFERS)["data"][0]["price_per_gpu_hour"] == "0.250"


def test_the_same_get_twice_gives_the_same_bytes(api: Api) -> None:
    with api.unchanged():
        assert api.call("GET", OFFERS).body == api.call("GET", OFFERS).body


def test_answers_to_many_queries_are_kept_within_bounds_and_stay_right(api: Api) -> None:
    for number in range(600):
        assert listed(api, f"?max_price=0.{number:06d}") == []
    assert listed(api, "?max_price=0.287") == ["runpod Quebec", "vast-ai Quebec"]


def test_answers_are_kept_up_to_so_many_bytes_and_stay_right(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Listing(api.world)
    everything = len(kept.answer(b"").body)
    monkeypatch.setattr(listing, "ANSWERS_BYTES_MAX", 2 * everything)
    for number in range(9):
        assert kept.answer(b"max_price=%d" % (10 + number)).body == kept.answer(b"").body
    assert list(kept._answers) == [b"", b"max_price=18"]
    assert kept._answers_bytes == 2 * everything
    monkeypatch.setattr(listing, "ANSWERS_BYTES_MAX", 1)
    assert kept.answer(b"min_vram=1").body == kept.answer(b"min_vram=2").body
    assert list(kept._answers) == [b"min_vram=2"]


def test_the_rows_of_few_bounds_on_memory_are_kept_and_stay_right(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MEMORY_FILTERS_MAX", 2)
    of_memory = MarketSettings(offers=tuple(replace(offer(f"r{gb}, US"), vram_gb=gb) for gb in (8, 16, 24, 48)))
    kept = Listing(World("x", scenario(market=of_memory)))
    for least in (9, 17, 25, 9, 17, 49, 1):
        found = msgspec.json.decode(kept.answer(b"min_vram=%d&max_price=%d" % (least, 1 + least)).body)["data"]
        assert [each["vram_gb"] for each in found] == [gb for gb in (16, 24, 48, 8) if gb >= least]
        assert len(kept._rows_by_memory) <= 2


class WatchedListing(Listing):
    """A listing that takes weak references, so that a test sees when it is freed."""


ENDS: dict[str, Callable[[Worlds, World], Coroutine[Any, Any, None]]] = {
    "deleted": lambda worlds, world: worlds.drop(world),
    "reset": lambda worlds, world: worlds.reset(world),
    "restored": lambda worlds, world: worlds.restore(world, world.snapshot()),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_listing_is_freed_with_the_simulation_it_is_of(
    runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(listing, "Listing", WatchedListing)
    listings, worlds = Listings(), Worlds()
    for name in ("w", "other"):
        worlds.add(World(name, scenario(market=FOUR, accounts=())))
    first, of_other = (ref(listings.of(worlds.by_name[name])) for name in ("w", "other"))
    assert listings.of(worlds.by_name["w"]) is first()
    assert first() is not of_other()
    gc.collect()
    gc.disable()
    try:
        runner.run(ENDS[end](worlds, worlds.by_name["w"]))
        assert first() is None
    finally:
        gc.enable()
    assert listings.of(worlds.by_name["other"]) is of_other()
    assert of_other() is not None


def test_a_world_that_nobody_closed_goes_with_the_server_that_listed_it() -> None:
    """Many servers may come and go in one process, such as that of a test suite."""
    world, listings = World("default", scenario()), Listings()
    assert listings.of(world) is listings.of(world)
    seen = ref(world.simulation)
    del world, listings
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize("end", ["reset", "restored"])
def test_a_world_that_begins_anew_gets_a_new_listing(runner: asyncio.Runner, end: str) -> None:
    listings, worlds = Listings(), Worlds()
    world = World("w", scenario(market=FOUR))
    worlds.add(world)
    before = listings.of(world)
    offers = before.answer(b"").body
    runner.run(ENDS[end](worlds, world))
    after = listings.of(world)
    assert after is not before
    world.simulation.market.lay_over(world.simulation.market.offers[0], (0, "outage", 0))
    assert before.answer(b"").body == offers
    assert after.answer(b"").body != offers
