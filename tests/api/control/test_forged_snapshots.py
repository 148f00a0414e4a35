"""Snapshots changed in one place, with a valid checksum: each is refused without effect, or restored and then served
without a server error."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from gpu_sim.core.run import Run
from gpu_sim.worlds import snapshot as world_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from ...support.asgi import RENT, Answer, Api
from ...support.snapshot_worlds import MODES, OFFERS, live, rich_scenario

Path = tuple[str | int, ...]
Change = Callable[[Any], Any]
RUN = ("world", "run", "simulation")
NUMBERS: tuple[Change, ...] = (lambda _: -1, lambda _: 0, lambda n: n + 1, lambda _: 10**15, lambda _: 2**70)
LISTS: tuple[Change, ...] = (lambda _: [], lambda of: of[1:], lambda of: of[:-1], lambda of: [*of, *of[-1:]])


def places(node: Any, path: Path = ()) -> Iterator[tuple[Path, tuple[Change, ...]]]:
    """All numbers and lists of a document, each with the values to put in its place."""
    if isinstance(node, dict | list):
        if isinstance(node, list) and node:
            yield path, LISTS
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from places(value, (*path, key))
    elif isinstance(node, int) and not isinstance(node, bool):
        yield path, NUMBERS


def put_changed(api: Api, snapshot: bytes, *changes: tuple[Path, Change]) -> Answer:
    """Restore a snapshot in which these places are changed."""
    document = json.loads(snapshot)
    for path, change in changes:
        node = document
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = change(node[path[-1]])
    document["checksum"] = world_snapshot._checksum(msgspec.json.encode(document["world"]))
    return api.call("PUT", "/_sim/snapshot", body=json.dumps(document).encode())


class SnapshotWorld:
    """A server whose world has some of everything, and the snapshot of that world."""

    def __init__(self, runner: asyncio.Runner, mode: str) -> None:
        self.api = Api(runner, rich_scenario(mode))
        live(Run(self.api.world.simulation, self.api.world.faults))
        # It creates an account as a command, past the server: nobody has given that one a token.
        keyring = self.api.worlds.keyring
        tokens = keyring.chosen(self.api.world, self.api.world.simulation.accounts, {})
        keyring.replace(self.api.world, tokens)
        self.snapshot = self.api.call("GET", "/_sim/snapshot").body
        found = dict(places(json.loads(self.snapshot)["world"]["run"], RUN[:2]))
        self.choices = [(path, change) for path, changes in found.items() for change in changes]

    def a_day(self) -> Iterator[Answer]:
        """The answers that a client and an operator get over a virtual day."""
        call = self.api.call
        for offer in OFFERS:
            yield call("GET", "/v1/gpu/offers")
            names = {"provider_id": offer.provider_id, "gpu_model": offer.gpu_model, "region": offer.region}
            rented = call("POST", "/v1/gpu/rent", RENT | names)
            yield rented
            yield call("POST", "/_sim/clock/advance", {"by": "8h"})
            if rented.status == 201:
                yield call("GET", f"/v1/gpu/rentals/{rented.json()['rental_id']}")
                yield call("DELETE", f"/v1/gpu/rentals/{rented.json()['rental_id']}")
        yield from (call("GET", f"/_sim/{name}") for name in ("rentals", "market", "accounts", "ledger", "events"))
        yield call("PUT", "/_sim/snapshot", body=call("GET", "/_sim/snapshot").body)


@pytest.fixture(scope="module")
def worlds() -> Iterator[dict[str, SnapshotWorld]]:
    with asyncio.Runner() as runner:
        yield {mode: SnapshotWorld(runner, mode) for mode in MODES}


@settings(max_examples=300)  # of some 1,800 changes in each mode
@given(mode=st.sampled_from(MODES), data=st.data())
def test_one_change_is_refused_or_does_no_harm(
    worlds: dict[str, SnapshotWorld], mode: str, data: st.DataObject
) -> None:
    world = worlds[mode]
    choice = data.draw(st.sampled_from(world.choices))
    simulation = world.api.world.simulation
    before = simulation.snapshot()
    answer = put_changed(world.api, world.snapshot, choice)
    if answer.status != 200:
        answer.problem(400, "snapshot_invalid", answer.json()["param"])
        assert world.api.world.simulation is simulation
        assert simulation.snapshot() == before
    else:
        statuses = [each.status for each in world.a_day()]
        assert max(statuses) < 500, (choice, statuses)
        assert statuses[-1] == 200


FORGERIES: dict[str, tuple[str, tuple[str, ...], tuple[int, ...], Any]] = {
    "prices that moved in the far future": ("poisson", ("offers",), (0, 2), 10**15),
    "draws below none": ("poisson", ("interruptions", "offers"), (0,), -1),
    "no shocks to come": ("poisson", ("interruptions", "offers"), (4,), []),
    "a phase that there is not": ("realistic", ("interruptions", "realistic", "offers"), (0,), 9),
    "a trace far ahead": ("replay", ("interruptions", "recorded"), (0,), 10**15),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_once_brought_a_server_down_is_refused(worlds: dict[str, SnapshotWorld], forgery: str) -> None:
    mode, where, within, value = FORGERIES[forgery]
    world = worlds[mode]
    node = json.loads(world.snapshot)["world"]["run"]["simulation"]
    for key in where:
        node = node[key]
    places_meant: list[Path] = [(*RUN, *where, number, *within) for number in range(len(node))]
    changes = [(path, lambda _: value) for path in places_meant]
    with world.api.unchanged():
        put_changed(world.api, world.snapshot, *changes).problem(400, "snapshot_invalid")
