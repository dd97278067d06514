"""A moving average of a network's weights, which forgets its beginnings sooner while it is young."""

from __future__ import annotations

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Tensors = tuple[Tensor, ...] | list[Tensor]


class AveragedNetwork(AveragedModel):
    """The average of a network's weights over its steps; BatchNorm's statistics are the network's own.

    At update t, counted from 0, the decay is min(decay, (1 + t) / (10 + t)), as in the code of Gowal et al. (2020).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network, multi_avg_fn=self._average)
        self.decay = decay
        # The initial weights are the first that are averaged; with a count of 0 the first update would be a copy.
        self.n_averaged.fill_(1)

    def _average(self, averaged: Tensors, current: Tensors, _: Tensor | int) -> None:
        # The count that comes with the weights may lie on their device, and to read it would make that wait.
        updates = int(self.n_averaged) - 1
        get_ema_multi_avg_fn(min(self.decay, (1 + updates) / (10 + updates)))(averaged, current, updates)
