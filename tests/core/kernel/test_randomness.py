"""Draws: uniform, and each on its own."""

from gpu_sim.core.kernel.randomness import DRAW_RANGE, PPM, draw, happens, stream
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest


def test_a_draw_follows_from_seed_stream_and_number_alone() -> None:
    assert draw(stream(1, "price/a"), 0) == draw(stream(1, "price/a"), 0)
    drawn = {draw(stream(seed, name), n) for seed in (1, 2) for name in ("price/a", "price/b") for n in (0, 1, 2)}
    assert len(drawn) == 12


def test_draws_keep_their_values_over_releases() -> None:
    """A change of these breaks every recorded journal (DESIGN 2.3)."""
    assert draw(stream(1, "price/a"), 0) == 0x8DD158BCFF6E355F
    assert draw(stream(42, "own/alice|vast-ai|RTX 4090|Quebec, CA|0"), 7) == 0x3F966472F2406F4A


def test_seed_and_name_cannot_be_confused() -> None:
    assert stream(1, "2") != stream(12, "")


def test_draws_are_uniform() -> None:
    key = stream(1, "uniform")
    assert kstest([draw(key, n) / DRAW_RANGE for n in range(5_000)], "uniform").pvalue > 0.01


@given(st.integers(0, DRAW_RANGE - 1))
def test_never_never_happens_and_always_always(drawn: int) -> None:
    assert not happens(drawn, 0)
    assert happens(drawn, PPM)


@given(st.integers(1, PPM - 1))
def test_a_share_of_the_draws_as_large_as_the_probability_lets_it_happen(ppm: int) -> None:
    first_miss = -(-ppm * DRAW_RANGE // PPM)
    assert happens(first_miss - 1, ppm)
    assert not happens(first_miss, ppm)
