"""Array types for annotations, named by their number type or by their content."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
UInt8 = npt.NDArray[np.uint8]
UInt64 = npt.NDArray[np.uint64]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

Images = UInt8
"""Of shape [n, height, width, channels]."""
Samples = npt.NDArray[Any]
"""Images, or features float32 [n, d]."""
Labels = Int32
"""The class of each sample, starting at 0."""
Indices = Int64
"""Positions of samples in their dataset, starting at 0."""
Columns = dict[str, npt.NDArray[Any]]
"""Columns of a table by name, all of the same length."""
