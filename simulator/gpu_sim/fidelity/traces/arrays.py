"""The arrays that measurements take and give, and their means where there may be nothing to take one of."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]
Marks: TypeAlias = NDArray[np.bool_]

NOTHING = float("nan")
"""The value of a statistic where there is nothing to compute it from."""


def mean(values: Floats | Sequence[float]) -> float:
    """The mean."""
    return float(np.mean(values)) if len(values) else NOTHING


def mean_known(values: Sequence[float]) -> float:
    """The mean of the values that are not NaN."""
    return mean([value for value in values if not np.isnan(value)])
