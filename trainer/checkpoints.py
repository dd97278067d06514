"""Checkpoints: weights as safetensors, the rest as JSON; loading never unpickles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from memscore import strict_json
from memscore.datasets.dataset import Dataset
from memscore.errors import Damaged, InvalidInput
from memscore.files import atomic_write, reason
from memscore.learning.networks import Network
from trainer.config import TrainConfig
from trainer.network import initial_network
from trainer.tensor_file import copied, write_tensors

WEIGHTS, DESCRIPTION = "weights.safetensors", "run.json"
ADVICE = "use another checkpoint, or retrain in another folder"


def save(folder: Path, network: nn.Module, config: TrainConfig, extra: dict[str, Any]) -> None:
    """Write weights.safetensors, then run.json with the configuration and `extra`. Raises InvalidInput."""
    write_tensors(folder / WEIGHTS, copied(network.state_dict()))
    try:
        with atomic_write(folder / DESCRIPTION) as scratch:
            scratch.write_text(strict_json.dumps({"config": config.model_dump(mode="json"), **extra}, indent=2))
    except OSError as error:
        raise InvalidInput(f"The folder {folder} cannot be written ({reason(error)}).") from error


def describe(folder: Path) -> dict[str, Any]:
    """The content of run.json. Raises Damaged if it cannot be read."""
    try:
        description = json.loads((folder / DESCRIPTION).read_text())
    except (OSError, ValueError) as error:
        raise Damaged(f"{folder} is not a readable checkpoint ({error}); {ADVICE}.") from error
    if not isinstance(description, dict) or "config" not in description:
        raise Damaged(f"{folder} is not a readable checkpoint ({DESCRIPTION} lacks the configuration); {ADVICE}.")
    return description


def load(folder: Path, dataset: Dataset) -> tuple[Network, TrainConfig]:
    """The network of a checkpoint folder, in eval mode. Raises Damaged if it cannot be read."""
    description = describe(folder)
    try:
        config = TrainConfig.model_validate(description["config"])
        network = initial_network(dataset, config, torch.device("cpu"))
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise Damaged(f"{folder} is not a readable checkpoint ({error}); {ADVICE}.") from error
    return network.eval(), config
