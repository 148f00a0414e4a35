"""Same scenario, seed and ordered commands: same bytes. One more thing: nobody else's fate changes."""

import os
import subprocess
import sys
from hashlib import sha256
from shutil import which

import pytest
from gpu_sim.core.kernel.clock import HOUR_MS
from gpu_sim.core.kernel.errors import Refusal
from gpu_sim.core.scenario.market_settings import InterruptionSettings
from gpu_sim.core.scenario.scenario import BillingSettings
from gpu_sim.core.simulation import Simulation

from ..support.builders import DAY, journal, market, offer, rent, scenario
from ..support.busy_world import ACTORS, busy_scenario, fates, live
from ..support.processes import ROOT

SCRIPT = "from tests.support.busy_world import busy_journal; import sys; sys.stdout.buffer.write(busy_journal({seed}))"


def clean_environment() -> dict[str, str]:
    """Ours without what steers Python."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**ours, "PYTHONDONTWRITEBYTECODE": "1"}


def journal_elsewhere(interpreter: str, seed: int = 1, **environment: str) -> bytes:
    """The busy world's journal, made by a process of its own."""
    finished = subprocess.run(
        [interpreter, "-c", SCRIPT.format(seed=seed)],
        cwd=ROOT,
        env={**clean_environment(), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), **environment},
        capture_output=True,
        check=True,
        timeout=240,
    )
    return finished.stdout


def other_interpreters() -> list[str]:
    """Other Python versions on the path that can import what the core needs, without our own packages."""
    found = []
    for minor in range(11, 20):
        path = which(f"python3.{minor}")
        if minor == sys.version_info.minor or path is None:
            continue
        able = subprocess.run(
            [path, "-c", "import msgspec"], env=clean_environment(), capture_output=True, check=False, timeout=60
        )
        if able.returncode == 0:
            found.append(path)
    return found


def here(seed: int = 1) -> bytes:
    sim = Simulation(busy_scenario(), seed=seed)
    live(sim)
    return journal(sim)


def test_the_busy_world_is_busy() -> None:
    """The journals that the other tests compare must contain everything that chance decides."""
    exported = here()
    for event in (
        b'"rental_running"',
        b'"cause":"shock"',
        b'"cause":"own"',
        b'"cause":"forced"',
        b'"provisioning_failed"',
        b'"idle_timeout"',
        b'"credit_exhausted"',
        b'"hold_expired"',
        b'"gpus_returned"',
        b'"price_moved"',
        b'"shock_struck"',
        b'"offer_left"',
        b'"offer_returned"',
        b'"act_refused"',
        b'"act_ended"',
    ):
        assert event in exported, event


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_another_process_with_other_hashes_writes_the_same_bytes(hash_seed: str) -> None:
    assert journal_elsewhere(sys.executable, PYTHONHASHSEED=hash_seed) == here()


def test_other_python_versions_write_the_same_bytes() -> None:
    """Those on the path that have msgspec, and this one in any case."""
    interpreters = [sys.executable, *other_interpreters()]
    print("compared:", *interpreters)
    expected = here(7)
    sources = os.pathsep.join([str(ROOT), str(ROOT / "simulator")])
    assert journal_elsewhere(interpreters[0], 7) == expected
    for interpreter in interpreters[1:]:
        assert journal_elsewhere(interpreter, 7, PYTHONPATH=sources) == expected, interpreter


EVENTS_OF_SEED_1 = "0f6bb07d9a896a0a"
"""The digest of the busy world's journal after its header."""


def test_the_bytes_are_those_of_the_release_before() -> None:
    """A change of the bytes of an old seed is a breaking change: whoever means it renews the digest and says so."""
    assert sha256(here().split(b"\n", 1)[1]).hexdigest()[:16] == EVENTS_OF_SEED_1


def test_two_seeds_differ() -> None:
    assert len({here(seed) for seed in range(1, 6)}) == 5


def test_advancing_in_two_goes_is_advancing_in_one() -> None:
    for parts in ((DAY,), (1, 2, 3, HOUR_MS, DAY - 1, DAY), (*range(0, DAY + 1, 977_777), DAY)):
        sim = Simulation(busy_scenario())
        live(sim, until=HOUR_MS)
        for to_ms in parts:
            sim.advance(max(sim.now_ms, to_ms))
        whole = Simulation(busy_scenario())
        live(whole, until=HOUR_MS)
        whole.advance(DAY)
        assert journal(sim) == journal(whole)


def test_advancing_instant_by_instant_is_advancing_in_one() -> None:
    stepped, whole = Simulation(busy_scenario()), Simulation(busy_scenario())
    for sim in (stepped, whole):
        live(sim, until=HOUR_MS)
    while stepped.step(DAY):
        pass
    whole.advance(DAY)
    assert journal(stepped) == journal(whole)


def test_another_accounts_rentals_on_another_offer_change_nobody_elses_fate() -> None:
    alone, crowded = Simulation(busy_scenario()), Simulation(busy_scenario())
    live(alone, actors=("alice", "bob"))
    live(crowded, actors=("alice", "bob", "carol"))
    theirs = fates(crowded)
    assert len(theirs["carol"]) > len(fates(alone)["carol"])
    for account in ("alice", "bob"):
        assert theirs[account] == fates(alone)[account]


def test_queries_change_nothing() -> None:
    asked, quiet = Simulation(busy_scenario()), Simulation(busy_scenario())
    live(asked, between=ask_everything)
    live(quiet)
    assert journal(asked) == journal(quiet)


def ask_everything(sim: Simulation) -> None:
    """Every read there is, and commands that are refused or only checked."""
    first = journal(sim)
    assert list(sim.market.listed()) == list(sim.market.listed())
    assert sim.events == list(sim.events)
    for shown in sim.market.offers:
        _ = (shown.capacity, shown.free, shown.is_listed, shown.price_micros_per_hour)
        spec = shown.spec
        assert sim.market.find(spec.provider_id, spec.gpu_model, spec.region) is shown
    for id_, rental in list(sim.rentals.by_id.items()):
        assert sim.rentals.find(id_, rental.account) is rental
        _ = (rental.status, rental.name)
    for account in sim.accounts:
        _ = (sim.ledger.available(account), sim.ledger.held(account), sim.ledger.balance(account))
    list(sim.rentals.live())
    sim.ledger.audit()
    for step in ACTORS["carol"]:
        try:
            sim.check(step.command(sim))
        except Refusal:
            continue
    assert journal(sim) == first


def test_commands_of_different_accounts_in_another_order_give_each_the_same_fate() -> None:
    """Within one instant, where they do not contend for the same GPUs."""
    orders = [("alice", "bob", "carol"), ("carol", "bob", "alice"), ("bob", "alice", "carol")]
    found = []
    for order in orders:
        sim = Simulation(busy_scenario())
        live(sim, actors=order)
        found.append(fates(sim))
    for account in ("alice", "bob", "carol"):
        assert found[0][account] == found[1][account] == found[2][account]
        assert len(found[0][account]) > 20


def test_a_rental_more_of_ones_own_leaves_the_fate_of_the_others_as_it_was() -> None:
    """The luck of a rental is that of its name, so those rented before are interrupted when they would have been."""
    billing = BillingSettings(idle_timeout=None)
    settings = market(offer(capacity=9, probability_ppm=300_000), interruptions=InterruptionSettings())
    ends: list[list[int | None]] = []
    for extra in (0, 3):
        sim = Simulation(scenario(settings, billing=billing))
        rentals = [rent(sim) for _ in range(3 + extra)]
        sim.advance(3 * DAY)
        ends.append([rental.terminated_ms for rental in rentals])
    assert ends[0] == ends[1][:3]
    assert None not in ends[0]
