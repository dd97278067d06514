"""The state of a run: with the tensors, it determines all later steps."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Best(BaseModel):
    """The best epoch so far by one criterion, counted from 1, and its value."""

    epoch: int
    value: float


class RunState(BaseModel):
    """The state of a run; the next step is `step` of `epoch`, both counted from 0.

    rate: factor on the learning rate, halved by rollbacks. multi_step: two steps of PGD have replaced N-FGSM. highest:
    best adversarial accuracy so far. best: by name of checkpoint. metrics_bytes: length of metrics.jsonl. The rest is
    the cost so far: seconds, and passes of images in training and, counted separately, in selection.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    epoch: int = 0
    step: int = 0
    rate: float = 1.0
    multi_step: bool = False
    rollbacks: int = 0
    highest: float = 0.0
    best: dict[str, Best] = {}
    metrics_bytes: int = 0
    forwards: int = 0
    backwards: int = 0
    selection_forwards: int = 0
    selection_backwards: int = 0
    seconds: float = 0.0
