"""Names for the arrays that pass between the steps; n is always the number of applicants."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Dates: TypeAlias = npt.NDArray[np.datetime64]
Objects: TypeAlias = npt.NDArray[Any]
Columns: TypeAlias = dict[str, npt.NDArray[Any]]
"""Field name → float64 [n] with NaN for missing, or text as object [n] with None for missing."""
