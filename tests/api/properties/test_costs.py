"""The cost of what a client may send grows no faster than its size: twice as much takes at most 2.5 times the CPU.

Sizes are doubled twice and held to the square of that. What is linear comes to 4 and what is quadratic to 16, so a step
between two sizes, such as that from the event loop to a thread, is not taken for growth.
"""

import asyncio
import gc
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from gpu_sim import __version__
from gpu_sim.scenario_files.load import ScenarioError, parse_scenario
from gpu_sim.worlds.snapshot import FORMAT

from ...support.asgi import RENT, Api, scenario

DOUBLED_TWICE, RATIO_MAX = 4, 2.5**2
"""Twice doubled, and how many times as much CPU that may take."""
BATCH_SECONDS_MIN = 0.005
REPEATED = 20
HEAD, API, CONTROL = 30_000, 30_000, 60_000
"""Half of what a head and a body of the API may have. Bodies of the control plane may have much more: there the cost of
memory grows too, by leaps that are the machine's."""


class Sent(NamedTuple):
    """What is sent: its size is that asked for, in bytes, more or less."""

    method: str
    target: str
    size: int
    body: Callable[[int], bytes] | None = None
    header: tuple[str, Callable[[int], str]] | None = None
    query: Callable[[int], str] = lambda _: ""

    def call(self, api: Api, size: int) -> Callable[[], int]:
        """A call that sends so much, and returns the status of its answer."""
        body = None if self.body is None else self.body(size)
        headers = [] if self.header is None else [(self.header[0], self.header[1](size))]
        target = self.target + self.query(size)
        token = None if headers and headers[0][0] == "authorization" else "si_test_alice"

        def call() -> int:
            status = api.call(self.method, target, body=body, headers=headers, token=token).status
            for name in [name for name in api.worlds.by_name if name != api.world.name]:
                api.runner.run(api.worlds.drop(api.worlds.by_name[name]))
            return status

        return call


def keys(size: int, *more: str) -> bytes:
    """An object of very many keys."""
    names = [*(f'"{number}":0' for number in range(size // 9)), *more]
    return f"{{{','.join(names)}}}".encode()


def in_field(name: str, make: Callable[[int], str]) -> Callable[[int], bytes]:
    """A rent with JSON of a size in a field."""
    return lambda size: json.dumps(RENT | {name: 0}).replace(f'"{name}": 0', f'"{name}": {make(size)}').encode()


def scenario_of(**fields: Callable[[int], Any]) -> Callable[[int], bytes]:
    """A new world of an inline scenario with these fields."""

    def body(size: int) -> bytes:
        made = {name: make(size) for name, make in fields.items()}
        return json.dumps({"scenario": {"name": "x", "extends": "calm", **made}}).encode()

    return body


def text(size: int) -> str:
    return json.dumps("x" * size)


def snapshot_of(make: Callable[[int], bytes]) -> Callable[[int], bytes]:
    head = json.dumps({"snapshot": FORMAT, "version": __version__, "checksum": "x"})
    return lambda size: head[:-1].encode() + b',"world":' + make(size) + b"}"


RENTING, WORLDS, FAULTS = (
    ("POST", "/v1/gpu/rent", API),
    ("POST", "/_sim/worlds", CONTROL),
    ("POST", "/_sim/faults", CONTROL),
)
COSTS = {
    "a key twice at the end": Sent("POST", "/_sim/worlds", CONTROL, lambda size: keys(size, '"z":0', '"z":0')),
    "a key twice in a rent": Sent(*RENTING, lambda size: keys(size, '"z":0', '"z":0')),
    "unknown keys": Sent(*RENTING, keys),
    "one long key": Sent(*RENTING, lambda size: b'{"%b":1}' % (b"k" * size)),
    "a long model": Sent(*RENTING, in_field("gpu_model", text)),
    "a long key type": Sent(*RENTING, in_field("ssh_key", text)),
    "a long number": Sent(*RENTING, in_field("gpu_count", lambda size: "9" * size)),
    "a long fraction": Sent(*RENTING, in_field("gpu_count", lambda size: "0." + "9" * size)),
    "escapes": Sent(*RENTING, in_field("model_id", lambda size: '"' + "\\ud83d\\ude00" * (size // 12) + '"')),
    "lists": Sent(*RENTING, in_field("gpu_count", lambda size: "[" + "[]," * (size // 3) + "1]")),
    "depth": Sent(*RENTING, lambda size: b"[" * size),
    "white space": Sent(*RENTING, lambda size: b" " * size),
    "a long idempotency key": Sent(*RENTING[:2], HEAD, None, ("idempotency-key", lambda size: "k" * size)),
    "a fault in a header": Sent(
        "GET", "/v1/gpu/offers", HEAD, None, ("x-sim", lambda size: "delay=1ms;" * (size // 10))
    ),
    "a long fault": Sent("GET", "/v1/gpu/offers", HEAD, None, ("x-sim", lambda size: "x" * size)),
    "a long delay": Sent("GET", "/v1/gpu/offers", HEAD, None, ("x-sim", lambda size: f"delay={'9' * size}s")),
    "a long token": Sent("GET", "/v1/gpu/offers", HEAD, None, ("authorization", lambda size: "Bearer " + "x" * size)),
    "a token of spaces": Sent(
        "GET", "/v1/gpu/offers", HEAD, None, ("authorization", lambda size: "Bearer " + " " * size)
    ),
    "entity tags": Sent("GET", "/v1/gpu/offers", HEAD, None, ("if-none-match", lambda size: '"x", ' * (size // 5))),
    "an event's id": Sent("GET", "/_sim/events", HEAD, None, ("last-event-id", lambda size: "9" * size)),
    "media": Sent("GET", "/_sim/events", HEAD, None, ("accept", lambda size: "a/b;q=0," * (size // 8))),
    "a long origin": Sent("GET", "/_sim/clock", HEAD, None, ("origin", lambda size: "http://" + ":" * size)),
    "a long id": Sent("GET", "/_sim/clock", HEAD, None, ("x-request-id", lambda size: "x" * size)),
    "parameters": Sent("GET", "/v1/gpu/offers", HEAD, query=lambda size: "?" + "a=b&" * (size // 4)),
    "empty parameters": Sent("GET", "/v1/gpu/offers", HEAD, query=lambda size: "?" + "&" * size),
    "an escaped parameter": Sent("GET", "/v1/gpu/offers", HEAD, query=lambda size: "?gpu_model=" + "%41" * (size // 3)),
    "half escapes": Sent("GET", "/v1/gpu/offers", HEAD, query=lambda size: "?gpu_model=" + "%4" * (size // 2)),
    "a long price": Sent("GET", "/v1/gpu/offers", HEAD, query=lambda size: "?max_price=" + "9" * size),
    "a long account": Sent("GET", "/_sim/requests", HEAD, query=lambda size: "?account=" + "a" * size),
    "types": Sent("GET", "/_sim/events", HEAD, query=lambda size: "?type=" + "act_ended," * (size // 10) + "act_ended"),
    "a long type": Sent("GET", "/_sim/events", HEAD, query=lambda size: "?type=" + "a" * size),
    "statuses": Sent("GET", "/_sim/rentals", HEAD, query=lambda size: "?" + "status=running&" * (size // 15)),
    "unknown rentals": Sent("GET", "/_sim/ledger", HEAD, query=lambda size: "?rental_id=" + "x," * (size // 2) + "x"),
    "commas": Sent("GET", "/_sim/ledger", HEAD, query=lambda size: "?account=" + "," * size),
    "a long since": Sent("GET", "/_sim/events", HEAD, query=lambda size: "?since=" + "9" * size),
    "a long name": Sent("GET", "/_sim/market", HEAD, query=lambda size: "?after=" + "a" * size),
    "a long world": Sent("GET", "/_sim/clock", HEAD, query=lambda size: "?world=" + "a" * size),
    "a long path": Sent("GET", "/v1/gpu/rentals/", HEAD, query=lambda size: "x" * size),
    "a path of slashes": Sent("GET", "/_sim/", HEAD, query=lambda size: "/" * size),
    "an escaped path": Sent("GET", "/_sim/rentals/", HEAD, query=lambda size: "%41" * (size // 3)),
    "a long duration": Sent("POST", "/_sim/clock/advance", CONTROL, lambda size: b'{"by":"%b"}' % (b"9" * size)),
    "a duration of parts": Sent(
        "POST", "/_sim/clock/advance", CONTROL, lambda size: b'{"by":"%b"}' % (b"1h" * (size // 2))
    ),
    "a long instant": Sent(
        "POST", "/_sim/clock/advance", CONTROL, lambda size: b'{"to":"2026-01-01T00:00:00.%bZ"}' % (b"0" * size)
    ),
    "long money": Sent("POST", "/_sim/accounts/alice/credit", CONTROL, lambda size: b'{"amount":"%b"}' % (b"9" * size)),
    "a long rule": Sent(*FAULTS, lambda size: b'{"name":%b,"effect":{"respond":503}}' % text(size).encode()),
    "a rule of many keys": Sent(*FAULTS, lambda size: b'{"effect":%b}' % keys(size)),
    "a rule about a long region": Sent(
        *FAULTS, lambda size: b'{"on":{"region":%b},"effect":{"respond":503}}' % text(size).encode()
    ),
    "matches": Sent(
        "POST", "/_sim/requests/verify", CONTROL, lambda size: b'{"in_order":[%b{}]}' % (b"{}," * (size // 3))
    ),
    "a match of many fields": Sent(
        "POST", "/_sim/requests/verify", CONTROL, lambda size: b'{"match":{"body":%b}}' % keys(size)
    ),
    "a message like msgspec's": Sent(*WORLDS, lambda size: b'{" - at `$%b":1}' % (b".a" * (size // 2))),
    "tokens": Sent(*WORLDS, lambda size: b'{"tokens":%b}' % keys(size)),
    "a scenario's name": Sent(*WORLDS, lambda size: b'{"scenario":%b}' % text(size).encode()),
    "keys of a scenario": Sent(*WORLDS, lambda size: b'{"scenario":%b}' % keys(size)),
    "what a scenario extends": Sent(*WORLDS, scenario_of(extends=lambda size: "x" * size)),
    "a catalogue's name": Sent(*WORLDS, scenario_of(market=lambda size: {"catalog": "x" * size})),
    "accounts": Sent(*WORLDS, scenario_of(accounts=lambda size: [{"name": f"a{n}"} for n in range(size // 20)])),
    "timeline": Sent(*WORLDS, scenario_of(timeline=lambda size: [{"at": "1h"}] * (size // 16))),
    "rules": Sent(
        *WORLDS,
        scenario_of(faults=lambda size: [{"name": f"r{n}", "effect": {"respond": 503}} for n in range(size // 50)]),
    ),
    "a junk snapshot": Sent("PUT", "/_sim/snapshot", 4 * CONTROL, lambda size: b"[" * size),
    "a damaged snapshot": Sent("PUT", "/_sim/snapshot", 4 * CONTROL, snapshot_of(lambda size: b"[" * size)),
    "a damaged snapshot with spaces": Sent(
        "PUT",
        "/_sim/snapshot",
        4 * CONTROL,
        lambda size: snapshot_of(lambda _: b"[ 1" + b" ,1" * (size // 3) + b"]")(0).replace(b'"world":', b'"world": '),
    ),
    "a damaged snapshot with escapes": Sent(
        "PUT", "/_sim/snapshot", 4 * CONTROL, snapshot_of(lambda size: b'["' + rb"\n" * (size // 2) + b'"]')
    ),
}


def cost(call: Callable[[], int], times: int) -> float:
    """The CPU seconds of so many calls."""
    # The collector goes through all that earlier tests have left, at moments of its own.
    gc.collect(0)
    gc.disable()
    try:
        began = time.process_time()
        for _ in range(times):
            assert call() < 500
        return time.process_time() - began
    finally:
        gc.enable()


def ratio(once: Callable[[], int], more: Callable[[], int]) -> float:
    """How many times as much CPU the second call takes as the first: the least of several tries of each, in turns, as
    what else the machine does only adds to them."""
    began, times = time.process_time(), 0
    while time.process_time() - began < BATCH_SECONDS_MIN:
        once()
        times += 1
    tries = [(cost(once, times), cost(more, times)) for _ in range(REPEATED)]
    return min(second for _, second in tries) / min(first for first, _ in tries)


@pytest.fixture
def api() -> Iterator[Api]:
    with asyncio.Runner() as runner:
        yield Api(runner, scenario())


@pytest.mark.slow
@pytest.mark.parametrize("name", COSTS)
def test_twice_the_size_costs_at_most_two_and_a_half_times_as_much(api: Api, name: str) -> None:
    sent = COSTS[name]
    largest = 2 * sent.size - 200
    assert ratio(sent.call(api, largest // DOUBLED_TWICE), sent.call(api, largest)) <= RATIO_MAX


def test_a_key_given_twice_costs_no_more_than_its_size(api: Api) -> None:
    sent = COSTS["a key twice at the end"]
    assert ratio(sent.call(api, 5_000), sent.call(api, 5_000 * DOUBLED_TWICE)) <= RATIO_MAX


def yaml_texts() -> dict[str, Callable[[int], str]]:
    """YAML of a size: files of a folder that a server makes worlds of."""
    return {
        "many keys": lambda size: "name: x\n" + "".join(f"k{n}: 1\n" for n in range(size // 9)),
        "one long key": lambda size: f"{'k' * size}: 1\n",
        "one long text": lambda size: f'name: "{"x" * size}"\n',
        "a list": lambda size: "name: x\nfaults: [" + "1, " * (size // 3) + "1]\n",
        "depth": lambda size: "name: " + "[" * size,
        "blanks": lambda size: "name:" + " " * size + "x\n",
        "comments": lambda size: "# x\n" * (size // 4) + "name: x\n",
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", yaml_texts())
def test_twice_the_yaml_costs_at_most_two_and_a_half_times_as_much(name: str) -> None:
    make = yaml_texts()[name]

    def read(size: int) -> Callable[[], int]:
        text = make(size)

        def call() -> int:
            try:
                parse_scenario(text, origin="x", folder=None)
            except ScenarioError as error:
                return len(error.problems)
            return 0

        return call

    assert ratio(read(120_000 // DOUBLED_TWICE), read(120_000)) <= RATIO_MAX
