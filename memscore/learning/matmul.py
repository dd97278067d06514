"""Matrix products on a device for influence of all pairs: blocks go there and come back."""

from __future__ import annotations

import torch

from memscore.statistics.influence import Float32s, Matmul


def torch_matmul(device: str | torch.device) -> Matmul:
    """A product for `memscore.statistics.influence` that runs on a torch device, such as "cuda".

    Factors of 0 and 1 are exact in any precision of the device; sums are kept in single precision.
    """

    def matmul(left: Float32s, right: Float32s) -> Float32s:
        return (torch.from_numpy(left).to(device) @ torch.from_numpy(right).to(device)).cpu().numpy()

    return matmul
