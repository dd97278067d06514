"""Where a run stands: what, with the tensors, decides everything that comes next."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Best(BaseModel):
    """The best epoch so far by one criterion, counted from 1, and its value."""

    epoch: int
    value: float


class RunState(BaseModel):
    """The next step is `step` of `epoch`, both counted from 0.

    rate: factor on the learning rate, lowered when a run goes back. multi_step: N-FGSM was given up for two steps of
    PGD. best: by name of checkpoint. metrics_bytes: length of metrics.jsonl. The rest is the cost so far: passes of
    images in training, and in selection apart from these.
    """

    model_config = ConfigDict(extra="forbid")

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
