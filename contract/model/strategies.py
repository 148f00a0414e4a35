"""Hypothesis strategies of the state machine and of the clause tests: rents and queries, valid and wrong ones.

None of them knows the server. An offer is drawn as a number that picks one of the offers listed, so that examples
shrink towards the cheapest offer and can be repeated on any catalogue.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from .rental_history import Offer

SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHmV me@laptop"
REQUIRED = ("gpu_model", "provider_id", "region", "model_id", "docker_image")
TEXT_FIELDS = (*REQUIRED, "ssh_key")
CASES: dict[str, Callable[[str], str]] = {
    "as listed": str,
    "upper": str.upper,
    "lower": str.lower,
    "swapped": str.swapcase,
}
CHEAPEST = 5
"""Rents are drawn on so few offers most of the time: contention needs rentals that meet."""
BOUNDARY = (-1, 0, 1)
"""Milliseconds from a deadline: just before it, at it, just after it. Mistakes are made there and not between."""


@dataclass(frozen=True, slots=True)
class ValidRent:
    """A rent with a valid body. The offer that it names may lack the GPUs, or not exist."""

    pick: int = 0
    case: str = "as listed"
    extras: tuple[tuple[str, Any], ...] = ()
    region_of: int | None = None
    """The number of the offer whose region is named instead: most of the time nobody offers that combination."""

    def body(self, offers: Sequence[Offer]) -> dict[str, Any]:
        """The body of the request."""
        spell, row = CASES[self.case], offers[self.pick % len(offers)].row
        region = row if self.region_of is None else offers[self.region_of % len(offers)].row
        names = {"gpu_model": row["gpu_model"], "provider_id": row["provider_id"], "region": region["region"]}
        names = {name: spell(value) for name, value in names.items()}
        return {**names, "model_id": "org/model", "docker_image": "image:latest", **dict(self.extras)}


def picks() -> st.SearchStrategy[int]:
    """The number of an offer, most of the time one of the cheapest few, so that rentals meet on them."""
    return st.integers(0, CHEAPEST - 1) | st.integers(0, CHEAPEST - 1) | st.integers(0, 1000)


def gpu_counts() -> st.SearchStrategy[int]:
    """Numbers of GPUs: mostly few, now and then more than any offer has."""
    few = st.integers(1, 3)
    return few | few | few | st.integers(1, 40) | st.sampled_from([10**6, 2**63, 10**30])


def valid_rents() -> st.SearchStrategy[ValidRent]:
    """Rents with a valid body."""
    extras = st.fixed_dictionaries(
        {},
        optional={
            "gpu_count": gpu_counts(),
            "fine_tuned": st.booleans(),
            "ssh_key": st.sampled_from([SSH_KEY, "ssh-ed25519 AAAA... user@host", None]),
        },
    )
    return st.builds(
        lambda pick, case, chosen, region_of: ValidRent(pick, case, tuple(chosen.items()), region_of),
        picks(),
        st.sampled_from(list(CASES)),
        extras,
        st.none() | st.none() | st.none() | st.none() | st.none() | picks(),
    )


@dataclass(frozen=True, slots=True)
class WrongRent:
    """One defect to put into a valid rent, and the codes that may answer it."""

    field: str
    value: Any
    codes: frozenset[str]

    def body(self, valid: Mapping[str, Any]) -> dict[str, Any]:
        """A valid body with the defect put in."""
        if self.value is MISSING:
            return {name: value for name, value in valid.items() if name != self.field}
        return {**valid, self.field: self.value}


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
INVALID = frozenset({"invalid_value"})


def wrong_rents() -> st.SearchStrategy[WrongRent]:
    """Defects of a rent body."""
    return st.one_of(
        st.builds(lambda name: WrongRent(name, MISSING, frozenset({"missing_field"})), st.sampled_from(REQUIRED)),
        st.builds(WrongRent, unknown_names(), json_values(), st.just(frozenset({"unknown_field"}))),
        st.builds(WrongRent, st.sampled_from(TEXT_FIELDS), not_text(), st.just(INVALID)),
        st.builds(WrongRent, st.sampled_from(REQUIRED), bad_text(), st.just(INVALID)),
        st.builds(WrongRent, st.sampled_from(REQUIRED[:3]), st.sampled_from(["RTX 4091", "nobody"]), st.just(INVALID)),
        st.builds(WrongRent, st.just("gpu_count"), not_a_count(), st.just(INVALID)),
        st.builds(WrongRent, st.just("fine_tuned"), not_a_boolean(), st.just(INVALID)),
        st.builds(WrongRent, st.just("ssh_key"), bad_ssh_keys(), st.just(INVALID)),
    )


def unknown_names() -> st.SearchStrategy[str]:
    """Field names that a rent does not have: slips, and attempts to set what is not the client's to set."""
    return st.sampled_from(["gpu_modell", "provider", "GPU_MODEL", "price_per_gpu_hour", "balance", "status", "gpus"])


def json_values() -> st.SearchStrategy[Any]:
    """Small JSON values of any kind."""
    leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.5, -1.25, "", "x"])
    return leaves | st.lists(leaves, max_size=2) | st.dictionaries(st.sampled_from("ab"), leaves, max_size=2)


def not_text() -> st.SearchStrategy[Any]:
    """Values that are no string. Null is left out, since an `ssh_key` of null is an absent one (A18)."""
    return json_values().filter(lambda value: not isinstance(value, str) and value is not None)


def bad_text() -> st.SearchStrategy[str]:
    """Strings that are empty, too long, or contain control or invisible characters."""
    return st.sampled_from(["", "x" * 257, "a\u0000b", "a\nb", "a\u200bb", "\u0007", "a\u007f"])


def not_a_count() -> st.SearchStrategy[Any]:
    """Values of `gpu_count` that are no number of GPUs (A16)."""
    return st.sampled_from([0, -1, -(2**63), 1.0, 1.5, True, False, "1", None, [], {}])


def not_a_boolean() -> st.SearchStrategy[Any]:
    """Values of `fine_tuned` that are neither true nor false."""
    return st.sampled_from([0, 1, "true", "", None, [], {}])


def bad_ssh_keys() -> st.SearchStrategy[str]:
    """Texts that are no OpenSSH public key on one line (A18)."""
    return st.sampled_from(
        ["", "ssh-ed25519", "ssh-ed25519 ", "AAAA", "hello world", SSH_KEY + "\n" + SSH_KEY, SSH_KEY + "\nx"]
    )


def filters(
    offers: Sequence[Offer], cases: Sequence[Callable[[str], str]] = tuple(CASES.values())
) -> st.SearchStrategy[dict[str, str]]:
    """Valid filters (F5): known names in these spellings, unknown names, and bounds just around those of the offers."""
    spelling = st.sampled_from(cases)
    rows = [offer.row for offer in offers]
    vram = sorted({row["vram_gb"] for row in rows})
    return st.fixed_dictionaries(
        {},
        optional={
            "gpu_model": _names({row["gpu_model"] for row in rows}, "RTX", spelling),
            "provider": _names({row["provider_id"] for row in rows}, "vast", spelling),
            "min_vram": st.builds(
                lambda gb, step: str(max(0, gb + step)), st.sampled_from(vram), st.sampled_from(BOUNDARY)
            ),
            "max_price": st.builds(
                _bound,
                st.sampled_from([row["price_per_gpu_hour"] for row in rows]),
                st.sampled_from(BOUNDARY),
            ),
        },
    )


def wrong_queries() -> st.SearchStrategy[tuple[tuple[tuple[str, str], ...], frozenset[str]]]:
    """Queries that must be refused, each with the codes that may answer it (A14)."""
    unknown, invalid = frozenset({"unknown_parameter"}), frozenset({"invalid_value"})
    values = [("min_vram", value) for value in ("", "-1", "1.5", "1e1", "x", "0x10", "NaN")]
    values += [("max_price", value) for value in ("", "-0.1", "1e1", "NaN", "Infinity", "x", "1,5", "$1")]
    values += [("gpu_model", ""), ("provider", "")]
    names = ["gpu", "region", "min_vram_gb", "GPU_MODEL", "limit"]
    return (
        st.sampled_from([((pair,), invalid) for pair in values])
        | st.sampled_from([(((name, "1"),), unknown) for name in names])
        | st.sampled_from([((("min_vram", "1"), ("min_vram", "1")), invalid | unknown)])
    )


def spelled(body: Mapping[str, Any]) -> bytes:
    """The same body in other bytes: keys in reverse order, spaces added."""
    return json.dumps(dict(reversed(list(body.items()))), indent=2).encode()


def _names(known: set[str], part: str, spelling: st.SearchStrategy[Callable[[str], str]]) -> st.SearchStrategy[str]:
    return st.builds(lambda name, spell: spell(name), st.sampled_from(sorted(known)), spelling) | st.sampled_from(
        [part, "nobody"]
    )


def _bound(price: str, step: int) -> str:
    mills = max(0, int(price.replace(".", "")) + step)
    return f"{mills // 1000}.{mills % 1000:03d}"
