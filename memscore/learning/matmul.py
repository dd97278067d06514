"""Matrix products on a device, for the influence of all pairs."""

from __future__ import annotations

import torch

from memscore.statistics.influence import Float32s, Matmul


def torch_matmul(device: str | torch.device) -> Matmul:
    """A matrix product for `memscore.statistics.influence` on a torch device, such as "cuda".

    Factors of 0 and 1 are exact in any precision; sums are accumulated in single precision.
    """

    def matmul(left: Float32s, right: Float32s) -> Float32s:
        return (torch.from_numpy(left).to(device) @ torch.from_numpy(right).to(device)).cpu().numpy()

    return matmul
