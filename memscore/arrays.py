"""Names for arrays in annotations: by their kind of number, and by what they hold."""

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
Labels = Int32
"""The class of each sample, from 0."""
Indices = Int64
"""Positions of samples in their dataset, from 0."""
Columns = dict[str, npt.NDArray[Any]]
"""Columns of a table by name, of one length."""
