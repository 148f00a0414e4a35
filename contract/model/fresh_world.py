"""The world as each example begins with it: two accounts, all offers, nothing rented, the clock at its start."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import yaml

from .. import FOLDER
from ..target.instants import SECOND
from ..target.server import LeftBehind
from ..target.target import Account, Target
from .reference_model import Model
from .rental_history import Offer

PROVISIONING_MS = 60 * SECOND
"""The duration of provisioning in the suite's own scenarios."""
ALICE, BOB = "alice", "bob"
OPENING = {ALICE: Fraction(100), BOB: Fraction(1, 2)}


@contextmanager
def own_world(target: Target, scenario: str, **api: Any) -> Iterator[Target]:
    """Make a world on the target's server from one of the suite's scenarios, with these settings of its `api` section,
    under the manual clock. Gives the target with Alice's token, and deletes the world at the end of the block."""
    target.require("worlds")
    document = {**yaml.safe_load((FOLDER / scenario).read_text(encoding="utf-8")), "api": api}
    mark = secrets.token_hex(4)  # two runs may share a server: neither may meet the other's world or tokens
    tokens = {name: f"si_contract_{mark}_{name}" for name in OPENING}
    name = f"contract-{mark}"
    try:
        # Held: a server that is still making the world when it is to be deleted would keep it.
        with target.signals.held():
            target.worlds_made.add(name)
            target.act(
                "POST", "worlds", {"name": name, "scenario": document, "clock": {"mode": "manual"}, "tokens": tokens}
            )
            target.trace.made_worlds(tokens.values())
        yield target.acting_as(tokens[ALICE])
    finally:  # also where the answer was lost and nobody knows whether the world was made
        delete_world(target, name)


def delete_world(target: Target, name: str) -> None:
    """Delete a world that the suite may have made. Raises LeftBehind or Unanswered."""
    with target.signals.held():
        target.worlds_made.discard(name)
        gone = target.control("DELETE", f"worlds/{name}")
        if gone.status >= 300 and gone.status != 404:
            raise LeftBehind(f"the world {name} could not be deleted: {gone}")


def reset_world(target: Target) -> dict[str, Account]:
    """Reset the world, and open those of the two accounts that its scenario lacks."""
    target.reset()
    known = target.accounts()
    lacking = [name for name in OPENING if name not in known]
    for name in lacking:
        target.open_account(name, another_token(target, name), OPENING[name])
    return target.accounts() if lacking else known


def another_token(target: Target, name: str) -> str:
    """A token that no account has yet, for one that is opened beside the target's own."""
    return f"{target.token}_{name}"


def learn_offers(target: Target) -> list[Offer]:
    """All offers as listed now, cheapest first, with their capacities from the control plane."""
    rows = target.act("GET", "market", query=[("limit", "1000000")])["data"]
    capacities = {(row["provider_id"], row["gpu_model"], row["region"]): row["capacity"] for row in rows}
    listed = target.offers()
    return [Offer(row, capacities[row["provider_id"], row["gpu_model"], row["region"]]) for row in listed]


def learn_world(target: Target, offers: Sequence[Offer] | None = None) -> tuple[Model, dict[str, str]]:
    """Reset the world. Returns a model of it, and the token of each account. The offers are those listed now, unless
    given."""
    accounts = reset_world(target)
    opening = {name: account.balance for name, account in accounts.items()}
    learned = learn_offers(target) if offers is None else offers
    model = Model(target.now(), learned, PROVISIONING_MS, opening)
    return model, {name: account.token for name, account in accounts.items()}
