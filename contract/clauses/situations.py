"""Situations that the clause tests begin with, such as a rental that runs, each by one call."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis.errors import Flaky

from ..document.error_codes import RENTED
from ..model.fresh_world import PROVISIONING_MS
from ..model.rental_history import Offer
from ..model.strategies import ValidRent
from ..target.instants import MINUTE, parse_instant
from ..target.target import Answer, NotApplicable, Target

EXAMPLE = {
    "gpu_model": "RTX 4090",
    "provider_id": "vast-ai",
    "region": "Quebec, CA",
    "model_id": "meta-llama/Llama-3.3-70B-Instruct",
    "docker_image": "vllm/vllm-openai:latest",
}
"""The rent body of the service's own documentation, without its optional fields."""
BUSY_STEP = 14 * MINUTE
"""Less than the idle timeout: activity this often keeps a rental alive (F19)."""


def example(target: Target) -> dict[str, Any]:
    """The documented rent body if its offer is listed, otherwise one for the cheapest offer."""
    offers = [Offer(row, 0) for row in target.offers()]
    assert offers, "F6: no offer is listed"
    wanted = tuple(EXAMPLE[name] for name in ("provider_id", "gpu_model", "region"))
    return dict(EXAMPLE) if any(offer.triple == wanted for offer in offers) else ValidRent().body(offers)


@contextmanager
def unchanged_offers(target: Target) -> Iterator[list[dict[str, Any]]]:
    """The offers listed now, for tests that compare lists. Raises NotApplicable if there are none, or if an assertion
    failed and the offers have changed meanwhile, as they may in a real market (F6)."""
    rows = target.offers()
    if not rows:
        raise NotApplicable("no offer is listed now")
    try:
        yield rows
    except (AssertionError, Flaky):
        sent = target.trace.sent
        if target.offers() != rows:
            raise NotApplicable("the market moved while it was tried") from None
        target.trace.resume(sent)
        raise


def refused(answer: Answer, status: int, *codes: str) -> dict[str, Any]:
    """The error in an answer, which must be a refusal with this status and one of these codes."""
    assert answer.status == status, f"must be {status}: {answer}"
    assert answer.error["code"] in codes, f"must be {codes}: {answer}"
    return answer.error


def rented(world: Target, token: str | None = None, **changes: Any) -> dict[str, Any]:
    """A new rental of the example offer, which is being provisioned."""
    answer = world.rent({**example(world), **changes}, token=token)
    assert answer.status in RENTED, answer
    return dict(answer.json)


def running(world: Target, token: str | None = None, **changes: Any) -> dict[str, Any]:
    """A new rental of the example offer, at the instant at which it becomes running."""
    rental = rented(world, token, **changes)
    world.advance(PROVISIONING_MS)
    found = seen(world, rental["rental_id"], token)
    assert found["status"] == "running", found
    return found


def seen(world: Target, rental_id: str, token: str | None = None) -> dict[str, Any]:
    """The rental as it is now."""
    answer = world.rental(rental_id, token)
    assert answer.status == 200, answer
    return dict(answer.json)


def ended(world: Target, rental_id: str, token: str | None = None) -> dict[str, Any]:
    """The rental after a DELETE."""
    answer = world.terminate(rental_id, token)
    assert answer.status == 200, answer
    assert answer.json["status"] == "terminated", answer
    return dict(answer.json)


def keep_busy(world: Target, rental_id: str, until: int) -> None:
    """Keep a running rental busy up to an instant, in milliseconds since 1970."""
    now = world.now()
    while now < until:
        touch(world, rental_id)
        now = min(until, now + BUSY_STEP)
        world.advance_to(now)


def touch(world: Target, rental_id: str) -> None:
    """Record one activity of a running rental."""
    answer = world.touch(rental_id)
    assert answer.status == 200, f"A19: {answer}"


def instant(rental: dict[str, Any], name: str) -> int:
    """One of a rental's instants in milliseconds since 1970."""
    return parse_instant(rental[name])
