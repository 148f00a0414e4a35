"""Snapshots that somebody has changed: each part knows what it can be, and refuses to be anything else."""

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import pytest
from gpu_sim.core.kernel.errors import SnapshotInvalid
from gpu_sim.core.kernel.schedule import Priority
from gpu_sim.core.run import new_run, restored_run

from ..support.builders import HOUR
from ..support.snapshot_worlds import MODES, live, rich_scenario

State = dict[str, Any]
START = 1_700_000_000_000
LATER = 10**15
MARKETPLACE, HYPERSCALER, EXCHANGE = range(3)


@cache
def taken(mode: str) -> bytes:
    """A snapshot of that world."""
    run = new_run(rich_scenario(mode), seed=1, start_epoch_ms=START)
    live(run)
    return run.state()


def restore(mode: str, state: bytes) -> bytes:
    """The state of a run that was restored, thirty hours later."""
    run = restored_run(rich_scenario(mode), state, seed=1, start_epoch_ms=START)
    run.simulation.advance(30 * HOUR)
    run.simulation.ledger.audit()
    return run.state()


def events(state: State, kind: Priority) -> list[list[Any]]:
    """The pending events of a kind."""
    return [event for event in state["schedule"]["pending"] if event[1] == kind]


def lose(state: State, kind: Priority) -> None:
    """The first pending event of a kind is gone."""
    state["schedule"]["pending"].remove(events(state, kind)[0])


def awaits(state: State, kind: Priority, subject: object) -> None:
    """One event more is pending."""
    schedule = state["schedule"]
    schedule["pending"].append([schedule["now_ms"] + HOUR, kind, schedule["sequence"], subject])
    schedule["sequence"] += 1


def rental(state: State, *, runs: bool) -> dict[str, Any]:
    """A live rental that runs, or one that does not and is kept back."""
    found: dict[str, Any] = next(
        each for each in state["rentals"]["live"] if (each["running_ms"] is not None) == runs and runs != each["is_due"]
    )
    return found


def noticed(state: State) -> dict[str, Any]:
    """A rental that had a notice."""
    rentals = (*state["rentals"]["live"], *state["rentals"]["ended"])
    return next(each for each in rentals if each["noticed_ms"] is not None)


def scripted(state: State) -> dict[str, Any]:
    """A live rental whose scripted interruption is to come."""
    return next(each for each in state["rentals"]["live"] if each["forced_end_ms"] is not None)


def held(state: State) -> dict[str, Any]:
    """A live rental that was deleted and goes on."""
    return next(each for each in state["rentals"]["live"] if each["held_delete_ms"] is not None)


def never_ran(state: State) -> dict[str, Any]:
    """A rental that ended before it ran, and was billed nothing."""
    return next(each for each in state["rentals"]["ended"] if each["running_ms"] is None and not each["billed_micros"])


def offer_state(state: State, offer: int) -> list[Any]:
    """The exposure of an offer."""
    found: list[Any] = state["interruptions"]["offers"][offer]
    return found


def move(state: State, kind: Priority) -> None:
    """The first pending event of a kind comes a little later."""
    events(state, kind)[0][0] += 1


def forget_exhaustion(state: State) -> None:
    """An exhaustion of credit is another event."""
    state["rentals"]["exhaustion"]["bob"] = 0


def run_elsewhere(state: State) -> None:
    """The rentals of one offer are listed as running on another."""
    offers = state["interruptions"]["offers"]
    offers[MARKETPLACE][2], offers[EXCHANGE][2] = offers[EXCHANGE][2], offers[MARKETPLACE][2]


def add_gpus(state: State, subject: object, gpus: int = 0) -> None:
    """GPUs will come back that nobody took."""
    state["offers"][MARKETPLACE][2] += gpus
    awaits(state, Priority.GPUS_RETURN, subject)


def in_force(state: State, number: int) -> dict[str, Any]:
    """The act of that number."""
    found: dict[str, Any] = next(act for act in state["timeline"]["in_force"] if act["number"] == number)
    return found


Forgery = tuple[str, Callable[[State], object], str]
FORGERIES: dict[str, Forgery] = {
    "a price in the future": ("poisson", lambda s: s["offers"][0][0].__setitem__(2, LATER), "its process never leads"),
    "a price above its cap": ("poisson", lambda s: s["offers"][0][0].__setitem__(0, 10**9), "its process never leads"),
    "a price that stands still": ("poisson", lambda s: lose(s, Priority.PRICE), "its process never leads"),
    "a price behind its series": ("replay", lambda s: s["offers"][EXCHANGE][0].__setitem__(3, 2), "its series is"),
    "a price ahead of its series": ("replay", lambda s: move(s, Priority.PRICE), "its series is"),
    "a level ahead of its time": ("poisson", lambda s: s["levels"][0].__setitem__(1, LATER), "ahead of its time"),
    "draws below none": ("poisson", lambda s: offer_state(s, 0).__setitem__(0, -1), ">= 0"),
    "a counter without end": ("poisson", lambda s: s["churn"].__setitem__(0, 2**70), "<= "),
    "a phase that there is not": (
        "realistic",
        lambda s: s["interruptions"]["realistic"]["offers"][0].__setitem__(0, 9),
        "<= 3",
    ),
    "an offer that never returns": ("poisson", lambda s: lose(s, Priority.CHURN), "CHURN"),
    "a stress that never ends": ("realistic", lambda s: lose(s, Priority.STRESS), "STRESS"),
    "a group without its next shock": ("realistic", lambda s: lose(s, Priority.GROUP_SHOCK), "GROUP_SHOCK"),
    "an offer that is up and down": ("realistic", lambda s: s["offers"][1].__setitem__(1, False), "lead on from"),
    "an event of another offer": (
        "realistic",
        lambda s: s["interruptions"]["realistic"]["offers"][0].__setitem__(2, 0),
        "lead on",
    ),
    "an offer up that waits as if down": (
        "realistic",
        lambda s: s["interruptions"]["realistic"]["offers"][0].__setitem__(3, True),
        "for it is up",
    ),
    "an offer down that is always there": ("poisson", lambda s: s["offers"][0].__setitem__(1, True), "yet it is down"),
    "a trace ahead of its time": (
        "replay",
        lambda s: s["interruptions"]["recorded"][0].__setitem__(0, LATER),
        "changes",
    ),
    "a trace that ends early": ("replay", lambda s: lose(s, Priority.AVAILABILITY), "AVAILABILITY"),
    "a pending shock that is not upcoming": ("poisson", lambda s: offer_state(s, 0).__setitem__(4, []), "SHOCK"),
    "a shock without its notice": ("poisson", lambda s: lose(s, Priority.NOTICE), "NOTICE"),
    "a notice where none is given": (
        "poisson",
        lambda s: offer_state(s, EXCHANGE).__setitem__(slice(3, 5), reversed(offer_state(s, EXCHANGE)[3:5])),
        "gives no notices",
    ),
    "a rental that runs nowhere": ("poisson", lambda s: offer_state(s, EXCHANGE).__setitem__(2, []), "on no offer"),
    "what runs and is not known": ("poisson", lambda s: offer_state(s, 0).__setitem__(2, ["rent_none"]), "'rent_none'"),
    "a rental that runs elsewhere": ("realistic", run_elsewhere, "runs on another offer"),
    "a notice that is too early": ("poisson", lambda s: noticed(s).update(interrupts_ms=LATER), "too early"),
    "a notice without its time": ("poisson", lambda s: noticed(s).update(noticed_ms=None), "cannot be"),
    "rentals that were not counted": ("poisson", lambda s: s["rentals"].update(created=99), "not as many"),
    "an ordinal that was not counted": (
        "poisson",
        lambda s: s["rentals"]["live"][0].update(ordinal=9),
        "never counted",
    ),
    "a hold of another amount": (
        "poisson",
        lambda s: s["rentals"]["live"][0]["hold"].update(amount_micros=1),
        "cannot",
    ),
    "a live rental that was billed": ("poisson", lambda s: s["rentals"]["live"][0].update(billed_micros=1), "cannot"),
    "a bill of another amount": ("poisson", lambda s: s["rentals"]["ended"][0].update(billed_micros=1), "cannot be"),
    "an end of which there is no reason": (
        "poisson",
        lambda s: s["rentals"]["ended"][0].update(reason=None, billed_micros=None),
        "cannot be",
    ),
    "an end for a reason that its status does not have": (
        "poisson",
        lambda s: never_ran(s).update(reason="idle_timeout"),
        "cannot be",
    ),
    "a running rental that awaits its readiness": (
        "poisson",
        lambda s: awaits(s, Priority.PROVISIONING, rental(s, runs=True)["rental_id"]),
        "nothing awaits the event of kind PROVISIONING",
    ),
    "an ended rental with an event": ("poisson", lambda s: s["rentals"]["ended"][0].update(tickets=[3]), "has ended"),
    "an ended rental with a readiness": (
        "poisson",
        lambda s: s["rentals"]["ended"][0].update(ready_ticket=3),
        "has ended",
    ),
    "a readiness of another event": (
        "poisson",
        lambda s: rental(s, runs=True).update(ready_ticket=0),
        "not those that",
    ),
    "a rental due that was never to be ready": (
        "poisson",
        lambda s: rental(s, runs=False).update(ready_ticket=-1),
        "not those",
    ),
    "a ticket of another event": ("poisson", lambda s: rental(s, runs=True).update(tickets=[0]), "not those that it"),
    "a ticket to come": ("poisson", lambda s: rental(s, runs=True)["tickets"].append(LATER), "not those that it"),
    "a running rental that is due": (
        "poisson",
        lambda s: rental(s, runs=True).update(is_due=True),
        "not those that it",
    ),
    "a rental that waits for nothing": ("poisson", lambda s: rental(s, runs=False).update(is_due=False), "not those"),
    "a rental due and not kept back": ("poisson", lambda s: rental(s, runs=False).update(held_back=False), "not those"),
    "a rental with no events": (
        "poisson",
        lambda s: rental(s, runs=False).update(tickets=[], is_due=False),
        "not those",
    ),
    "a scripted interruption that does not come": (
        "poisson",
        lambda s: lose(s, Priority.FORCED_INTERRUPTION),
        "not those that it awaits",
    ),
    "a scripted interruption at another time": (
        "poisson",
        lambda s: move(s, Priority.FORCED_INTERRUPTION),
        "not those that it awaits",
    ),
    "a scripted interruption that nobody scripted": (
        "poisson",
        lambda s: scripted(s).update(forced_end_ms=None),
        "not those that it awaits",
    ),
    "a scripted interruption of an ended rental": (
        "poisson",
        lambda s: s["rentals"]["ended"][0].update(forced_end_ms=LATER),
        "has ended",
    ),
    "an ended rental with a scripted event": (
        "poisson",
        lambda s: s["rentals"]["ended"][0].update(forced_ticket=3),
        "has ended",
    ),
    "a held end that came": ("poisson", lambda s: s["rentals"]["ended"][0].update(end_held=True), "has ended"),
    "a held DELETE that nobody holds": ("poisson", lambda s: held(s).update(end_held=False), "cannot be"),
    "a held DELETE before the rent": ("poisson", lambda s: held(s).update(held_delete_ms=0), "cannot be"),
    "a held DELETE of what did not run yet": ("poisson", lambda s: held(s).update(held_delete_ran=True), "cannot be"),
    "a held DELETE to come": ("poisson", lambda s: held(s).update(held_delete_ms=LATER), "cannot be"),
    "a notice of what was before it": ("poisson", lambda s: scripted(s).update(interrupts_ms=-LATER), "cannot be"),
    "a notice before the rent": ("poisson", lambda s: scripted(s).update(noticed_ms=0), "cannot be"),
    "money held for nothing": (
        "poisson",
        lambda s: s["ledger"]["balances"].update({"alice/held": 1, "revenue": s["ledger"]["balances"]["revenue"] - 1}),
        "hold another amount",
    ),
    "money from nowhere": ("poisson", lambda s: s["ledger"]["balances"].update(revenue=0), "sum to zero"),
    "money of nobody": ("poisson", lambda s: s["accounts"].remove("carol"), "balance of nobody"),
    "more entries than events": ("poisson", lambda s: s["ledger"].update(entries=10**6), "more entries"),
    "credit that ends at another event": ("poisson", forget_exhaustion, "ends at another event"),
    "credit that ends unasked": ("poisson", lambda s: awaits(s, Priority.CREDIT_EXHAUSTION, "carol"), "nothing awaits"),
    "GPUs that are not in use": ("poisson", lambda s: s["offers"][0].__setitem__(2, LATER), "accounted for"),
    "GPUs of no offer": ("poisson", lambda s: add_gpus(s, ["a|b|c", 1]), "an offer that is none"),
    "GPUs fewer than none": ("poisson", lambda s: add_gpus(s, ["marketplace|RTX 4090|region-0", -1], -1), "come back"),
    "GPUs without a number": ("poisson", lambda s: add_gpus(s, "marketplace|RTX 4090|region-0"), "come back"),
    "an account that is gone": ("poisson", lambda s: s["accounts"].reverse(), "is not where it was"),
    "a key that lasts too long": ("poisson", lambda s: s["keys"][-1].update(expires_ms=LATER), "Idempotency-Key"),
    "an act that does not come": ("poisson", lambda s: lose(s, Priority.TIMELINE), "TIMELINE"),
    "an act that does not end": ("poisson", lambda s: lose(s, Priority.ACT_END), "ACT_END"),
    "an act that was not called": (
        "poisson",
        lambda s: in_force(s, 4).pop("called"),
        "was not called",
    ),
    "an act that does not last": (
        "poisson",
        lambda s: in_force(s, 4).update(called={"command": "play_act", "interrupt": {}}),
        "does not last",
    ),
    "an act that never was": ("poisson", lambda s: in_force(s, 4).update(number=99), "cannot be in force"),
    "an act without a name": ("poisson", lambda s: in_force(s, 4).update(name=""), "cannot be in force"),
    "an act of another name": ("poisson", lambda s: in_force(s, 1).update(name="mine"), "cannot be in force"),
    "an act that was given another name": (
        "poisson",
        lambda s: in_force(s, 4)["called"]["capacity"].update(name="mine"),
        "cannot be in force",
    ),
    "an act that begins later": ("poisson", lambda s: in_force(s, 4).update(since_ms=LATER), "cannot be in force"),
    "an act that is over": ("poisson", lambda s: in_force(s, 4).update(since_ms=-(9 * HOUR)), ">= 0"),
    "a planned act that began at another time": (
        "poisson",
        lambda s: in_force(s, 1).update(since_ms=5),
        "cannot be in",
    ),
    "an act that ends later": ("poisson", lambda s: move(s, Priority.ACT_END), "ACT_END"),
    "two acts of one name": ("poisson", lambda s: in_force(s, 4).update(name="price-3"), "two acts"),
    "acts in another order": ("poisson", lambda s: s["timeline"]["in_force"].reverse(), "began earlier"),
    "fewer acts than planned": ("poisson", lambda s: s["timeline"].update(acts_total=2), "fewer acts"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_no_run_can_be_is_refused_by_the_part_that_knows(forgery: str) -> None:
    mode, forge, message = FORGERIES[forgery]
    state = msgspec.json.decode(taken(mode))
    forge(state["simulation"])
    with pytest.raises(SnapshotInvalid) as refusal:
        restore(mode, msgspec.json.encode(state))
    assert message in refusal.value.message


FORGED_RULES: dict[str, Callable[[State], object]] = {
    "added later": lambda rule: rule.update(added_ms=LATER),
    "more spent than hit": lambda rule: rule["counts"][0].update(spent=LATER),
    "a bucket that is too full": lambda rule: rule["buckets"][0].update(level=LATER),
    "a bucket filled up later": lambda rule: rule["buckets"][0].update(level_ms=LATER),
    "an account twice": lambda rule: rule["counts"].append(rule["counts"][0]),
    "a bucket twice": lambda rule: rule["buckets"].append(rule["buckets"][0]),
    "a bucket of nobody": lambda rule: rule["buckets"][0].update(of="nobody"),
    "buckets of each account that all share": lambda rule: rule["rule"]["effect"]["rate_limit"].update(shared=True),
    "buckets without a limit": lambda rule: rule["rule"].update(effect={"reset": True}),
    "accounts counted for the world": lambda rule: rule["rule"]["when"].update(per="world"),
    "more spent than hit by rentals that are gone": lambda rule: rule.update(spent_gone=1),
    "no name": lambda rule: rule["rule"].update(name="no name\n"),
    "the name of the header": lambda rule: rule["rule"].update(name="header"),
}


@pytest.mark.parametrize("forgery", FORGED_RULES)
def test_a_fault_rule_that_cannot_have_counted_so_is_refused(forgery: str) -> None:
    state = msgspec.json.decode(taken("poisson"))
    FORGED_RULES[forgery](state["faults"][0])
    with pytest.raises(SnapshotInvalid, match="fault rule"):
        restore("poisson", msgspec.json.encode(state))


@pytest.mark.parametrize("mode", MODES)
def test_a_state_that_nobody_changed_goes_on(mode: str) -> None:
    state = taken(mode)
    run = restored_run(rich_scenario(mode), state, seed=1, start_epoch_ms=START)
    again = {**msgspec.json.decode(run.state())["simulation"], "journal": None}
    assert again == {**msgspec.json.decode(state)["simulation"], "journal": None}
    assert restore(mode, state) != state
