"""The Ray actor that trains units: one per share of a GPU or per core, alive as long as its job.

The driver imports this module for the class. Only the workers' methods import torch, which takes seconds.
"""

from __future__ import annotations

import faulthandler
import os
from dataclasses import dataclass

import ray

from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput
from memscore.study import signatures
from memscore.study.evidence import Trial
from memscore.study.spec import Design, Recipe, Wanted
from memscore.study.subsets import Unit


@dataclass(frozen=True)
class Presence:
    """The place where a worker runs; `devices` is its CUDA_VISIBLE_DEVICES."""

    pid: int
    node: str
    device: str
    devices: str


@ray.remote(max_restarts=0)
class UnitTrainer:
    """Holds the dataset on its device and trains one unit at a time, on one thread.

    `share`: the fraction of a GPU's memory it may use.
    """

    def __init__(self, dataset: Dataset, recipe: Recipe, design: Design, wanted: Wanted, share: float = 1.0) -> None:
        faulthandler.enable()
        import torch

        from memscore.learning.data import DeviceData
        from memscore.learning.unit import prepare

        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        prepare(self.device)
        if self.device.type == "cuda" and share < 1:
            torch.cuda.set_per_process_memory_fraction(share)
        self.data = DeviceData.of(dataset, self.device)
        self.recipe = recipe
        self.design = design
        self.wanted = wanted
        self.signature: str | None = None

    def ready(self) -> Presence:
        """Return once the dataset is on the device."""
        from memscore.learning.unit import device_name

        node = ray.get_runtime_context().get_node_id()
        return Presence(os.getpid(), node, device_name(self.device), visible_devices())

    def memory(self) -> tuple[int, int] | None:
        """Bytes of GPU memory that training takes, and that the GPU has; None without a GPU."""
        from memscore.learning.calibration import memory_of_unit

        return memory_of_unit(self.data, self.recipe, self.design) if self.device.type == "cuda" else None

    def train(self, unit: Unit, networks: list[str] | None) -> list[Trial]:
        """The evidence of one unit.

        Raises InvalidInput, before training, if the network has none of these signatures; an empty list, or None,
        allows any network.
        """
        from memscore.learning.networks.behaviour import signature_of_recipe
        from memscore.learning.unit import train_unit

        if self.signature is None:
            self.signature = signature_of_recipe(self.recipe, self.data.shape, self.data.classes)
        if networks is not None and not signatures.is_known(self.signature, networks):
            raise InvalidInput(refusal(self.recipe))
        return train_unit(
            self.data,
            self.recipe,
            self.design,
            unit,
            kind=self.wanted.evidence,
            probabilities=self.wanted.probabilities,
            signature=self.signature,
        )


def refusal(recipe: Recipe) -> str:
    """Why a worker refuses a network that differs from that of existing trials."""
    since = "the stored trials, or those that other workers train"
    return signatures.has_changed(recipe.network, since, "allow_changed_network (--allow-changed-network)")


def visible_devices() -> str:
    """The GPUs that Ray assigned to this process, by CUDA's numbers."""
    return ",".join(str(number) for number in ray.get_runtime_context().get_accelerator_ids().get("GPU", []))
