"""One network in training: takes a batch and updates the weights."""

from __future__ import annotations

import logging
from collections.abc import Hashable

import torch
from torch import Tensor, nn

from memscore.learning.networks import Network
from memscore.learning.replay import trained_tensors
from memscore.study.spec import NETWORKS
from trainer.attacks import Attack, cross_entropy
from trainer.attacks.survival import withstands_all_steps
from trainer.averaging import AveragedNetwork
from trainer.config import TrainConfig
from trainer.distributed import ALONE, World
from trainer.evaluation.accuracy import Withstand
from trainer.methods import Batch, Crafted, Loss, Step
from trainer.model import Model, Passes
from trainer.perturbation import perturbed
from trainer.recording import Recordings, Records, records_of
from trainer.step_draws import Draws
from trainer.twin import Twin

Tensors = dict[str, Tensor]
log = logging.getLogger(__name__)


class Learner:
    """A network on its device with its method, its optimizer and, if configured, averaged weights.

    `records` makes recordings of steps; by default they are made on a GPU, where the network and the settings allow it.
    """

    def __init__(
        self, network: Network, config: TrainConfig, world: World = ALONE, records: Records | None = None
    ) -> None:
        self.config = config
        self.world = world
        self.network = network
        half = config.precision == "bfloat16"
        self.model = Model(network, autocast=half, compiled=config.compile)
        self.method = config.build_method()
        device = next(network.parameters()).device
        records = records_of(config, network, world) if records is None else records
        recorded = records is not None
        self.optimizer = torch.optim.SGD(
            network.parameters(),
            # A recording reads the rate from the device.
            torch.tensor(config.learning_rate, device=device) if recorded else config.learning_rate,
            config.momentum,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.averaged = AveragedNetwork(network, config.averaging) if config.averaging else None
        # Where steps are launched, a copy for attacks costs more time than it saves, unless it saves BatchNorm.
        converts = half and config.network in NETWORKS  # others may compute some layers in single precision
        wanted = config.fold_attack or (recorded and converts and config.attack_mode == "eval")
        self._twin = Twin(network, half=converts, folded=config.fold_attack) if wanted and self.method.crafts else None
        self._attacked = self.model
        if self._twin is not None:
            if config.fold_attack and not self._twin.folds:
                log.warning("fold_attack has no effect: no BatchNorm directly follows a convolution in a Sequential.")
            passes = self.model.passes
            self._attacked = Model(self._twin.network, autocast=half, compiled=config.compile, passes=passes)
        self._records = records
        self._steps = self._crafts = None
        self._selections: dict[nn.Module, Recordings[Tensor]] = {}
        if records is not None and world.size == 1:
            self._steps = Recordings(self._step, records, self.model.passes, self._state)
        elif records is not None:  # all but the attack sums over processes
            self._crafts = Recordings(self._craft, records, self.model.passes)
        network.train()

    @property
    def recorded(self) -> bool:
        """Whether steps are recorded, so that the first ones take longer than the others."""
        return self._records is not None and self._records.usable

    def learn(self, batch: Batch, step: Step, learning_rate: float) -> Loss:
        """Craft, compute the loss, step. Several processes each hold a part of the batch and end with equal weights.

        The next step overwrites the loss, which has no gradient.
        """
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(learning_rate)
            else:
                group["lr"] = learning_rate
        # The last batch of an epoch may be smaller; a recording of its own would hardly ever be replayed.
        full = len(batch.labels) * self.world.size == self.config.batch_size
        if self._steps is not None and full:
            loss = self._steps(self._kind(step), batch, step)
        elif self._crafts is not None and full:
            loss = self._fit(batch, self._crafts(self._kind(step), batch, step), step)
        else:
            loss = self._step(batch, step)
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)
        return loss

    def withstand(self, network: Network, attack: Attack, passes: Passes) -> Withstand | None:
        """How the attack that selects among this learner's networks is run on one of them; None: as it always is.

        Where steps are recorded, so is this attack, whose passes are counted in `passes`, always the same one.
        """
        if self._records is None:
            return None
        if network not in self._selections:

            def work(batch: Batch, step: Step) -> Tensor:
                return withstands_all_steps(
                    network, batch.images, batch.labels, cross_entropy(batch.labels), step.attack
                )

            self._selections[network] = Recordings(work, self._records, passes)
        recordings, nothing = self._selections[network], Draws(0, 0, 0)

        def withstand(images: Tensor, labels: Tensor) -> Tensor:
            unknown = torch.full(labels.shape, torch.nan, device=labels.device)
            # The next batch overwrites what a recording returns.
            return recordings((), Batch(images, labels, unknown), Step(attack, nothing)).clone()

        return withstand

    def _state(self) -> list[Tensor]:
        """What a step changes; the moving average is none of it."""
        return trained_tensors(self.network, self.optimizer)

    def _kind(self, step: Step) -> tuple[Hashable, ...]:
        """What tells steps apart that do different work."""
        attack = tuple(step.attack.model_dump().values())
        return attack, step.single_step, self.method.phase(step.progress), self._perturbs(step)

    def _perturbs(self, step: Step) -> bool:
        return self.config.weight_perturbation > 0 and step.progress >= self.config.perturbation_warmup

    def _step(self, batch: Batch, step: Step) -> Loss:
        return self._fit(batch, self._craft(batch, step), step)

    def _craft(self, batch: Batch, step: Step) -> Crafted:
        if not self.method.crafts:
            return Crafted(batch.images)
        if self._twin is not None:
            self._twin.refresh()
        return self.method.craft(self._attacked, batch, step)

    def _fit(self, batch: Batch, crafted: Crafted, step: Step) -> Loss:
        """Take a step of the optimizer."""

        def compute() -> Loss:
            return self.method.loss(self.model, batch, crafted, step)

        self.optimizer.zero_grad(set_to_none=True)
        if self._perturbs(step):
            with perturbed(self.network, lambda: compute().value, self.config.weight_perturbation, self.world):
                loss = compute()
                loss.value.backward()
        else:
            loss = compute()
            loss.value.backward()
        self.world.add_gradients(self.network)
        self.optimizer.step()
        return Loss(loss.value.detach(), loss.measures)

    def close(self) -> None:
        """Free the recordings, and the device memory that they hold; further steps are launched."""
        self._forget()
        self._steps = self._crafts = self._records = None
        self._selections.clear()

    def _forget(self) -> None:
        if self._records is None:
            return
        for recordings in (self._steps, self._crafts, *self._selections.values()):
            if recordings is not None:
                recordings.clear()
        self._records.forget()

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
        self._forget()  # recordings would write to the old momenta
        momenta = part("momentum.")
        self.optimizer.state.clear()
        for number, parameter in enumerate(self.network.parameters()):
            if str(number) in momenta:
                # In the parameter's memory layout: the fused step reads both in memory order.
                momentum = torch.empty_like(parameter, requires_grad=False).copy_(momenta[str(number)])
                self.optimizer.state[parameter]["momentum_buffer"] = momentum
        if self.averaged is not None:
            self.averaged.load_state_dict(part("averaged."))
