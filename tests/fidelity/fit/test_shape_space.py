"""Shapes as points and back."""

from itertools import product

import numpy as np
import pytest
from gpu_sim.core.scenario.availability_shape import Shape
from gpu_sim.fidelity.fit.shape_space import AXES, bounds, shape_at, tidied

from ..known_market import UNLIKE


def test_the_origin_is_the_shipped_shape() -> None:
    assert shape_at(np.zeros(len(AXES))) == Shape()
    lowest, highest = bounds()
    assert np.all(lowest < -1)
    assert np.all(highest > 0.5)


def test_a_point_leads_to_the_shape_that_it_is_of() -> None:
    point = np.array([axis.place(getattr(UNLIKE, axis.name)) for axis in AXES])
    assert shape_at(point) == UNLIKE


def test_every_corner_is_a_shape() -> None:
    lowest, highest = bounds()
    corners = {shape_at(np.array(corner)) for corner in product(*zip(lowest, highest, strict=True))}
    assert len(corners) == 2 ** len(AXES)
    assert shape_at(lowest - 9) == shape_at(lowest)


def test_a_tidied_shape_is_close_by_and_short_to_write() -> None:
    shape = shape_at(np.full(len(AXES), 0.123))
    neat = tidied(shape)
    assert tidied(neat) == neat
    assert neat.fragile % 1_000 == neat.stress % 10_000 == neat.stress_time % 60_000 == 0
    for axis in AXES:
        assert getattr(neat, axis.name) == pytest.approx(getattr(shape, axis.name), rel=0.03)
