"""Checkpoints: weights as safetensors, the rest as JSON; nothing that is loaded is unpickled."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from memscore.datasets.dataset import Dataset
from memscore.errors import Damaged, InvalidInput
from memscore.files import atomic_write
from memscore.learning.networks import Network
from trainer.config import TrainConfig
from trainer.loop import build_network

WEIGHTS, DESCRIPTION = "weights.safetensors", "run.json"


def prepare(folder: Path) -> None:
    """Make sure, before any work, that a checkpoint can be written to the folder. Raises InvalidInput."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InvalidInput(f"The folder {folder} cannot be written ({error.strerror}); name another one.") from error


def save(folder: Path, network: Network, config: TrainConfig, extra: dict[str, Any]) -> None:
    """Write weights.safetensors, then run.json with the configuration and `extra`."""
    try:
        with atomic_write(folder / WEIGHTS) as scratch:
            save_file({name: value.contiguous().cpu() for name, value in network.state_dict().items()}, scratch)
        with atomic_write(folder / DESCRIPTION) as scratch:
            scratch.write_text(json.dumps({"config": config.model_dump(mode="json"), **extra}, indent=2))
    except OSError as error:
        raise InvalidInput(f"The folder {folder} cannot be written ({error.strerror}).") from error


def describe(folder: Path) -> dict[str, Any]:
    """What run.json says. Raises Damaged if it cannot be read."""
    try:
        description = json.loads((folder / DESCRIPTION).read_text())
    except (OSError, ValueError) as error:
        raise Damaged(f"{folder} is not a readable checkpoint: {error}") from error
    if not isinstance(description, dict) or "config" not in description:
        raise Damaged(f"{folder} is not a readable checkpoint: {DESCRIPTION} lacks the configuration")
    return description


def load(folder: Path, dataset: Dataset) -> tuple[Network, TrainConfig]:
    """The network of a checkpoint folder, in eval mode. Raises Damaged if it cannot be read."""
    description = describe(folder)
    try:
        config = TrainConfig.model_validate(description["config"])
        network = build_network(dataset, config)
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise Damaged(f"{folder} is not a readable checkpoint: {error}") from error
    return network.eval(), config
