"""A moving average of a network's weights, with a faster decay in the first steps."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from trainer.tensor_copies import copy_all


class AveragedNetwork(AveragedModel):
    """The average of a network's weights over its steps; BatchNorm's statistics are copied, not averaged.

    At update t, counted from 0, the decay is min(decay, (1 + t) / (10 + t)), as in the code of Gowal et al. (2020).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network)
        self.decay = decay
        # The average starts from the initial weights; as in AveragedModel, 0 would mean that there is none yet.
        self.n_averaged.fill_(1)

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Take in a step of `model`, on the same device. The count of steps is on the CPU, so that nothing waits."""
        updates = int(self.n_averaged) - 1
        decay = min(self.decay, (1 + updates) / (10 + updates))
        get_ema_multi_avg_fn(decay)(list(self.module.parameters()), list(model.parameters()), updates)
        for mine, given in zip(_by_dtype(self.module), _by_dtype(model), strict=True):
            copy_all(mine, given)
        self.n_averaged += 1


def _by_dtype(network: nn.Module) -> list[list[torch.Tensor]]:
    """The buffers in lists of one dtype each, which one kernel can copy."""
    found: dict[torch.dtype, list[torch.Tensor]] = {}
    for buffer in network.buffers():
        found.setdefault(buffer.dtype, []).append(buffer)
    return list(found.values())
