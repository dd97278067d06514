"""Copies of many small tensors at once."""

from __future__ import annotations

import torch
from torch import Tensor


def copy_all(into: list[Tensor], values: list[Tensor]) -> None:
    """Overwrite tensors with others of the same shapes; on a GPU in few kernels if each list has one dtype."""
    torch._foreach_copy_(into, values)  # pyright: ignore[reportPrivateImportUsage] -- optimizers use it; no other name
