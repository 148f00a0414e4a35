"""The arrays that measurements take and give."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]
Marks: TypeAlias = NDArray[np.bool_]

NOTHING = float("nan")
"""The value of a statistic where there is nothing to compute it from."""
