"""The life of a rental: F11 to F13, A2, A4, A5, A11, A13, A23."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from ..model.fresh_world import ALICE, BOB, PROVISIONING_MS
from ..target.instants import format_instant
from ..target.target import Target
from .situations import ended, instant, refused, rented, running, seen, touch


def test_f11_provisioning_then_running_then_terminated(world: Target) -> None:
    rental_id = rented(world)["rental_id"]
    world.advance(PROVISIONING_MS - 1)
    assert seen(world, rental_id)["status"] == "provisioning"
    world.advance(1)
    assert seen(world, rental_id)["status"] == "running"
    assert ended(world, rental_id)["status"] == "terminated"
    assert seen(world, rental_id)["status"] == "terminated"


def test_f12_looking_again_gives_the_same_bytes(world: Target) -> None:
    rental_id = rented(world)["rental_id"]
    assert world.rental(rental_id).content == world.rental(rental_id).content


def test_f12_each_rental_is_its_own(world: Target) -> None:
    first, second = rented(world), rented(world)
    ended(world, first["rental_id"])
    assert seen(world, second["rental_id"]) == second


def test_f13_a_delete_bills_and_releases_the_rest_of_the_hold(world: Target) -> None:
    before = world.accounts()[ALICE]
    rental = running(world, gpu_count=2)
    assert ended(world, rental["rental_id"])["billed_amount"] == rental["hold_amount"]
    after = world.accounts()[ALICE]
    assert after.held == 0
    assert after.available == after.balance < before.balance


def test_f13_a_deleted_rental_is_over_whoever_looks_and_costs_no_more(world: Target) -> None:
    rental = running(world)
    world.advance(90_000)
    done = ended(world, rental["rental_id"])
    paid = world.accounts()
    assert seen(world, rental["rental_id"]) == done, "F13: the rental is not what its DELETE answered"
    world.advance(3_600_000)
    assert seen(world, rental["rental_id"]) == done
    assert world.accounts() == paid


def test_a2_an_interrupted_rental_is_terminated(world: Target) -> None:
    rental = running(world)
    world.advance(90_000)
    assert world.interrupt(rental["rental_id"]).status == 200
    found = seen(world, rental["rental_id"])
    assert (found["status"], found["termination_reason"]) == ("terminated", "interrupted")
    assert instant(found, "terminated_at") == world.now()
    assert world.accounts()[ALICE].held == 0


def test_a2_what_has_ended_cannot_be_interrupted(world: Target) -> None:
    rental = running(world)
    before = ended(world, rental["rental_id"])
    assert world.interrupt(rental["rental_id"]).status == 409
    assert seen(world, rental["rental_id"]) == before


def test_a4_billing_starts_when_it_becomes_running(world: Target) -> None:
    rental = running(world)
    assert instant(rental, "started_at") == instant(rental, "created_at") + PROVISIONING_MS
    world.advance(800_000)
    touch(world, rental["rental_id"])
    world.advance(200_000)
    done = ended(world, rental["rental_id"])
    assert instant(done, "terminated_at") - instant(done, "started_at") == 1_000_000
    from_creation = int(done["price_per_gpu_hour"].replace(".", "")) * 1060 // 3600
    assert int(done["billed_amount"].replace(".", "")) // 1000 < from_creation


@pytest.mark.parametrize("after_ms", [0, 1, PROVISIONING_MS - 1])
def test_a5_ended_before_it_ran_costs_nothing(world: Target, after_ms: int) -> None:
    before = world.accounts()[ALICE]
    rental = rented(world)
    world.advance(after_ms)
    done = ended(world, rental["rental_id"])
    assert (done["billed_amount"], done["termination_reason"], done["started_at"]) == (
        "0.000000",
        "deleted",
        None,
    )
    assert world.accounts()[ALICE] == before
    world.advance(PROVISIONING_MS)
    assert seen(world, rental["rental_id"]) == done


def test_a5_ended_as_it_begins_to_run_costs_the_minimum(world: Target) -> None:
    rental = running(world)
    done = ended(world, rental["rental_id"])
    assert done["billed_amount"] == rental["hold_amount"]


def test_a11_a_second_delete_gives_the_same_rental_and_bills_nothing(world: Target) -> None:
    rental_id = running(world)["rental_id"]
    first = world.terminate(rental_id)
    after = (world.accounts(), world.ledger())
    world.advance(3_600_000)
    second = world.terminate(rental_id)
    assert (second.status, second.content) == (first.status, first.content)
    assert (world.accounts(), world.ledger()) == after


def test_a11_deletes_at_once_settle_once(world: Target) -> None:
    rental_id = running(world)["rental_id"]
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: world.terminate(rental_id), range(8)))
    assert {(answer.status, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert [entry["kind"] for entry in world.ledger()].count("rental_settled") == 1


def test_a13_the_rental_of_another_account_is_not_found(world: Target, tokens: dict[str, str]) -> None:
    """The answer does not differ from that for an id which nobody has."""
    rental_id = rented(world, tokens[ALICE])["rental_id"]
    nobodys = "rent_" + "a" * 20
    for ask in (world.rental, world.terminate):
        theirs = refused(ask(rental_id, tokens[BOB]), 404, "rental_not_found")
        unknown = refused(ask(nobodys, tokens[BOB]), 404, "rental_not_found")
        assert str(theirs).replace(rental_id, nobodys) == str(unknown)
    assert seen(world, rental_id, tokens[ALICE])["status"] == "provisioning"


def test_a23_instants_are_virtual(world: Target) -> None:
    rental = rented(world)
    start = world.now()
    assert instant(rental, "created_at") == start
    world.advance(123_456)
    assert world.send("GET", "/v1/gpu/offers").sim_now == world.now() == start + 123_456
    assert instant(ended(world, rental["rental_id"]), "terminated_at") == start + 123_456


def test_a23_time_never_goes_back(world: Target) -> None:
    start = world.now()
    world.advance(10_000)
    answer = world.control("POST", "clock/advance", {"to": format_instant(start)})
    assert world.now() == start + 10_000, f"A23: the clock went back by {start + 10_000 - world.now()} ms: {answer}"
    assert answer.status == 400, answer
    assert world.send("GET", "/v1/gpu/offers").sim_now == start + 10_000


def test_a23_refusals_carry_the_virtual_time_too(world: Target) -> None:
    world.advance(1)
    assert world.send("GET", "/v1/gpu/nothing").sim_now == world.now()
