"""The training loop: epochs of steps with a selection after each, resume points, and rollbacks after failures.

A run's weights depend only on (dataset, mem, configuration, kind of device): every random number is derived from a
name, so a run that is interrupted anywhere resumes from its last snapshot and ends with the same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from memscore.errors import Diverged, InvalidInput
from memscore.learning.memory import Batches, out_of_memory
from memscore.learning.seeding import kept_generators, seed
from trainer.checkpoint_selection import Accuracies, candidates, measure, split_names
from trainer.config import TrainConfig
from trainer.data import Epoch, TrainingData
from trainer.distributed import ALONE, World
from trainer.folder import RunFolder
from trainer.learner import Learner, Tensors
from trainer.ledger import peak_memory
from trainer.methods import Loss, Step
from trainer.metrics import MetricsLog
from trainer.model import Passes
from trainer.resume import Snapshot
from trainer.run_state import Best, RunState
from trainer.schedule import learning_rate
from trainer.step_draws import Draws
from trainer.stopping import Stop

OnStep = Callable[[int, int, str], None]
OnRecord = Callable[[dict[str, Any]], None]
"""Called with each record of the metrics once it is on the disk."""

SAVE_SECONDS = 60.0
CHECK_STEPS = 25
"""Steps between checks of the loss and, across processes, of the stop flag; each check synchronizes the device."""


class Loop:
    """A learner's progress through its epochs."""

    def __init__(self, learner: Learner, data: TrainingData, folder: RunFolder, world: World = ALONE) -> None:
        self.learner, self.data, self.folder, self.world = learner, data, folder, world
        self.config: TrainConfig = learner.config
        self.standing = RunState()
        self.totals: Tensors = {}
        self.taken = 0
        self.good = folder.last_epoch() or Snapshot.of(learner.tensors(), RunState())
        self._go_to(folder.last_step() or self.good)
        self.splits = data.splits(split_names(self.config))
        self.steps = data.steps
        self.memory = Batches(self.config.evaluation_batch)
        self.selection = Passes()  # of selection, apart from those of training

    def run(self, stop: Stop, on_step: OnStep | None = None, on_record: OnRecord | None = None) -> bool:
        """Train to the end or until `stop`, and return whether the end was reached.

        Leaves the global random generators unchanged. Raises Diverged if rollbacks do not help.
        """
        with kept_generators():
            return self._run(stop, on_step, on_record)

    def _run(self, stop: Stop, on_step: OnStep | None, on_record: OnRecord | None) -> bool:
        metrics = None
        if self.world.first:
            metrics = MetricsLog(self.folder.path, self.standing.metrics_bytes, self.standing.epoch, on_record)
        try:
            while self.standing.epoch < self.config.epochs:
                if not self._epoch(stop, on_step):
                    self._save()
                    return False
                finite = self._finite() and self.learner.finite()
                selected = self._measure() if finite else {}
                if not finite:
                    self._go_back(
                        f"The loss is not finite in epoch {self.standing.epoch + 1}", metrics, single_step=False
                    )
                elif self._collapsed(selected[""]):
                    self._go_back("Adversarial accuracy collapsed under single-step attacks", metrics, single_step=True)
                else:
                    self._end_epoch(selected, metrics)
            return True
        finally:
            if metrics is not None:
                metrics.close()

    def _epoch(self, stop: Stop, on_step: OnStep | None) -> bool:
        """Take the rest of an epoch's steps; False if stopped before the end."""
        standing, started = self.standing, time.monotonic()
        epoch = self.data.epoch(standing.epoch)
        saved = time.monotonic()
        while standing.step < len(epoch.slices):
            looks = standing.step % CHECK_STEPS == 0
            # The first step is always taken, so that a run that is stopped again and again still finishes.
            if self.taken and (self.world.size == 1 or looks) and self.world.agree(stop.due()):
                standing.seconds += time.monotonic() - started
                return False
            if looks and self.totals and not self._finite():
                break
            self._add(self._taken(epoch))
            standing.step += 1
            self.taken += 1
            if time.monotonic() - saved > SAVE_SECONDS:
                self._save()
                saved = time.monotonic()
            if on_step is not None:
                on_step(standing.epoch * self.steps + standing.step, self.config.epochs * self.steps, self._caption())
        standing.seconds += time.monotonic() - started
        return True

    def _taken(self, epoch: Epoch) -> Loss:
        """Take a step. Raises InvalidInput if memory runs out: only the user may change the batch size."""
        try:
            return self._step(epoch)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            raise InvalidInput(
                f"Out of memory with batches of {self.config.batch_size}; use smaller ones, such as with "
                f"--set batch_size={max(2, self.config.batch_size // 2)}, or use --set precision=bfloat16."
            ) from error

    def _step(self, epoch: Epoch) -> Loss:
        standing, config = self.standing, self.config
        # For networks that draw random numbers, such as those with dropout.
        seed("step", config.seed, epoch.number, standing.step, self.world.rank)
        attack, single_step = config.training_attack, config.inner == "n-fgsm"
        if standing.multi_step:  # two steps, which together reach the edge of the ball
            attack, single_step = attack.model_copy(update={"steps": 2, "step_size": config.epsilon / 2}), False
        step = Step(
            attack,
            Draws(config.seed, epoch.number, standing.step, self.world),
            epoch.number / config.epochs,
            self.world,
            single_step,
        )
        rate = learning_rate(config, epoch.number, standing.step / len(epoch.slices)) * standing.rate
        return self.learner.learn(self.data.batch(epoch, standing.step), step, rate)

    def _end_epoch(self, selected: dict[str, Accuracies], metrics: MetricsLog | None) -> None:
        """Keep the epoch's checkpoints, write its record, and make it the last good epoch."""
        standing, means = self.standing, self._means()
        standing.epoch, standing.step, self.totals = standing.epoch + 1, 0, {}
        standing.highest = max(standing.highest, _adversarial(selected[""]))
        self._count_passes()
        if metrics is not None:
            self._keep(selected)
            standing.metrics_bytes = metrics.write(self._record(means, selected))
        self.good = Snapshot.of(self.learner.tensors(), standing)
        if self.world.first:
            self.folder.save_epoch(self.good)

    def _keep(self, selected: dict[str, Accuracies]) -> None:
        """Write the last checkpoint, those that this epoch is the best for so far, and those kept along the way."""
        epoch, best = self.standing.epoch, self.standing.best
        sizes = {name: len(labels) for name, (_, labels) in self.splits.items()}
        for prefix, network in self.learner.networks().items():
            for kept in candidates(prefix, selected[prefix], sizes):
                if kept.name not in best or kept.value > best[kept.name].value:
                    best[kept.name] = Best(epoch=epoch, value=kept.value)
                    self.folder.keep(kept.name, network, self.config, epoch, kept)
            if self.config.keeps_along(epoch):
                self.folder.keep_epoch(prefix, network, self.config, epoch)
            self.folder.keep_last(prefix, network, self.config, epoch)

    def _record(self, means: dict[str, float], selected: dict[str, Accuracies]) -> dict[str, Any]:
        standing = self.standing
        return {
            "epoch": standing.epoch,
            "learning_rate": learning_rate(self.config, standing.epoch - 1, 1 - 1 / self.steps) * standing.rate,
            **means,
            "accuracy": {prefix.rstrip("-") or "network": values for prefix, values in selected.items()},
            "cost": {
                "forwards": standing.forwards,
                "backwards": standing.backwards,
                "selection_forwards": standing.selection_forwards,
                "selection_backwards": standing.selection_backwards,
                "seconds": round(standing.seconds, 3),
                "peak_memory": peak_memory(self.data.mem.device),
            },
        }

    def _collapsed(self, accuracies: Accuracies) -> bool:
        """Whether the network has learned to fool single-step attacks only: catastrophic overfitting."""
        if self.config.inner != "n-fgsm" or self.standing.multi_step or not self.learner.method.crafts:
            return False
        return self.world.agree(self.standing.highest - _adversarial(accuracies)) > self.config.collapse

    def _go_back(self, reason: str, metrics: MetricsLog | None, *, single_step: bool) -> None:
        """Return to the last good epoch and continue with two-step attacks or half the learning rate."""
        config, rollbacks = self.config, self.standing.rollbacks
        if rollbacks >= config.rollbacks:
            tried = f", even after {rollbacks} rollback{'s' * (rollbacks > 1)}" if rollbacks else ""
            advice = "use --set inner=pgd"
            if not single_step:
                advice = f"lower the learning rate ({config.learning_rate:g})"
                advice += ", or fix the network if it can divide by 0"
            raise Diverged(f"{reason}{tried}; {advice}.")
        self._go_to(self.good)
        self.standing.rollbacks = rollbacks + 1
        if single_step:
            self.standing.multi_step = True
        else:
            self.standing.rate /= 2
        if metrics is not None:
            change = "two-step attacks" if single_step else f"{self.standing.rate:g} of the learning rate"
            event = f"{reason}; continued from the end of epoch {self.standing.epoch} with {change}"
            self.standing.metrics_bytes = metrics.write({"event": event})
            self.good = Snapshot.of(self.learner.tensors(), self.standing)
            self.folder.save_epoch(self.good)

    def _go_to(self, snapshot: Snapshot) -> None:
        totals = {name: value for name, value in snapshot.tensors.items() if name.startswith("totals.")}
        self.learner.restore({name: value for name, value in snapshot.tensors.items() if name not in totals})
        self.totals = {name.removeprefix("totals."): value.to(self.data.mem.device) for name, value in totals.items()}
        self.standing = snapshot.standing.model_copy(deep=True)
        self.learner.model.passes.forwards = self.standing.forwards
        self.learner.model.passes.backwards = self.standing.backwards

    def _save(self) -> None:
        if not self.world.first:
            return
        self._count_passes()
        totals = {f"totals.{name}": value for name, value in self.totals.items()}
        self.folder.save_step(Snapshot.of(self.learner.tensors() | totals, self.standing))

    def _count_passes(self) -> None:
        passes = self.learner.model.passes
        self.standing.forwards, self.standing.backwards = passes.forwards, passes.backwards

    def _add(self, loss: Loss) -> None:
        for name, value in ({"loss": loss.value.detach()} | loss.measures).items():
            self.totals[name] = self.totals[name] + value if name in self.totals else value.clone()

    def _finite(self) -> bool:
        return math.isfinite(self.world.total(self.totals["loss"]).item())

    def _means(self) -> dict[str, float]:
        shared = {name: self.world.total(value) for name, value in self.totals.items()}
        means = {name: value.item() / self.standing.step for name, value in shared.items()}
        return {name: value if name == "loss" else value / self.world.size for name, value in means.items()}

    def _measure(self) -> dict[str, Accuracies]:
        attack, passes, found = self.config.evaluation_attack, self.selection, dict[str, Accuracies]()
        passes.forwards, passes.backwards = self.standing.selection_forwards, self.standing.selection_backwards
        tests = self.config.tests_after(self.standing.epoch + 1)
        splits = {name: data for name, data in self.splits.items() if name != "test" or tests}
        for prefix, network in self.learner.networks().items():
            with passes.counting(network):
                withstand = self.learner.withstand(network, attack, passes)
                found[prefix] = measure(network, splits, attack, self.memory, withstand)
        self.standing.selection_forwards, self.standing.selection_backwards = passes.forwards, passes.backwards
        return found

    def _caption(self) -> str:
        return f"{self.config.method}, epoch {self.standing.epoch + 1} of {self.config.epochs}"


def _adversarial(accuracies: Accuracies) -> float:
    """Adversarial accuracy on the first selection split."""
    return next(iter(accuracies.values()))["adversarial"]
