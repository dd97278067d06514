"""One network in training: takes a batch and updates the weights."""

from __future__ import annotations

import torch
from torch import Tensor

from memscore.learning.networks import Network
from trainer.averaging import AveragedNetwork
from trainer.config import TrainConfig
from trainer.distributed import ALONE, World
from trainer.methods import Batch, Crafted, Loss, Step
from trainer.model import Model
from trainer.perturbation import perturbed

Tensors = dict[str, Tensor]


class Learner:
    """A network on its device with its method, its optimizer and, if configured, averaged weights."""

    def __init__(self, network: Network, config: TrainConfig, world: World = ALONE) -> None:
        self.config = config
        self.world = world
        self.network = network
        self.model = Model(network, autocast=config.precision == "bfloat16", compiled=config.compile)
        self.method = config.build_method()
        self.optimizer = torch.optim.SGD(
            network.parameters(), config.learning_rate, config.momentum, weight_decay=config.weight_decay, fused=True
        )
        self.averaged = AveragedNetwork(network, config.averaging) if config.averaging else None
        network.train()

    def learn(self, batch: Batch, step: Step, learning_rate: float) -> Loss:
        """Craft, compute the loss, step. Several processes each hold a part of the batch and end with equal weights."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        crafted = self._craft(batch, step)
        self.optimizer.zero_grad(set_to_none=True)
        gamma = self.config.weight_perturbation
        if gamma and step.progress >= self.config.perturbation_warmup:
            with perturbed(self.network, lambda: self._loss(batch, crafted, step).value, gamma, self.world):
                loss = self._loss(batch, crafted, step)
                loss.value.backward()
        else:
            loss = self._loss(batch, crafted, step)
            loss.value.backward()
        self.world.add_gradients(self.network)
        self.optimizer.step()
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)
        return loss

    def finite(self) -> bool:
        """Whether all weights and statistics are finite; an epoch's last step can break them after a finite loss."""
        every = (*self.network.parameters(), *self.network.buffers())
        return all(bool(torch.isfinite(one).all()) for one in every)

    def networks(self) -> dict[str, Network]:
        """The network and, if there is one, that of averaged weights, by the prefix of their checkpoints' names."""
        if self.averaged is None:
            return {"": self.network}
        averaged = self.averaged.module
        assert isinstance(averaged, Network)
        return {"": self.network, "averaged-": averaged}

    def tensors(self) -> Tensors:
        """The state that determines all later steps, by name; not copied."""
        state = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for number, parameter in enumerate(self.network.parameters()):
            momentum = self.optimizer.state.get(parameter, {}).get("momentum_buffer")
            if momentum is not None:
                state[f"momentum.{number}"] = momentum
        if self.averaged is not None:
            state |= {f"averaged.{name}": value for name, value in self.averaged.state_dict().items()}
        return state

    def restore(self, state: Tensors) -> None:
        """Restore a state from `tensors`. Raises RuntimeError or KeyError if it belongs to another network."""

        def part(prefix: str) -> Tensors:
            return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}

        self.network.load_state_dict(part("network."))
        momenta = part("momentum.")
        self.optimizer.state.clear()
        for number, parameter in enumerate(self.network.parameters()):
            if str(number) in momenta:
                # In the parameter's memory layout: the fused step reads both in memory order.
                momentum = torch.empty_like(parameter, requires_grad=False).copy_(momenta[str(number)])
                self.optimizer.state[parameter]["momentum_buffer"] = momentum
        if self.averaged is not None:
            self.averaged.load_state_dict(part("averaged."))

    def _craft(self, batch: Batch, step: Step) -> Crafted:
        if not self.method.crafts:
            return Crafted(batch.images)
        return self.method.craft(self.model, batch, step)

    def _loss(self, batch: Batch, crafted: Crafted, step: Step) -> Loss:
        return self.method.loss(self.model, batch, crafted, step)
