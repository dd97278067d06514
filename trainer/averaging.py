"""A moving average of a network's weights, with a faster decay in the first steps."""

from __future__ import annotations

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Tensors = tuple[Tensor, ...] | list[Tensor]


class AveragedNetwork(AveragedModel):
    """The average of a network's weights over its steps; BatchNorm's statistics are copied, not averaged.

    At update t, counted from 0, the decay is min(decay, (1 + t) / (10 + t)), as in the code of Gowal et al. (2020).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network, multi_avg_fn=self._average)
        self.decay = decay
        # The average starts from the initial weights; with a count of 0 the first update would overwrite them.
        self.n_averaged.fill_(1)

    def _average(self, averaged: Tensors, current: Tensors, _: Tensor | int) -> None:
        # The count that is passed in may be on the device, and reading it would synchronize.
        updates = int(self.n_averaged) - 1
        get_ema_multi_avg_fn(min(self.decay, (1 + updates) / (10 + updates)))(averaged, current, updates)
