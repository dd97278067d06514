"""Attacks on the samples of one split, batch by batch; the journal keeps the results of each batch.

Random starts, and the global random generators that a network may draw from, depend only on the seed, the attack and
the batch, so an interrupted evaluation gives the same results as an uninterrupted one. A batch that does not fit in
memory is attacked in parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from memscore.arrays import Bools, Columns, Indices
from memscore.learning.correctness import is_correct, predictions
from memscore.learning.data import pixels
from memscore.learning.memory import Batches
from memscore.learning.seeding import seeded
from memscore.study.randomness import seed_for
from trainer.attacks import ascend, autoattack, cross_entropy, survival, survives
from trainer.attacks.objectives import margins
from trainer.attacks.registry import AttackInParts, IterativeAttack, Stepwise, TargetedAttack, TransferredAttack
from trainer.attacks.survival import survives_targets
from trainer.evaluation.config import EvaluationConfig
from trainer.evaluation.identity import digest
from trainer.evaluation.journal import Journal
from trainer.methods.bat import poisoning_scores

Advance = Callable[[int, str], None]
"""Called after each batch with the passes planned for it and a label."""


@dataclass(frozen=True)
class Attempts:
    """A network and the samples of a split: images uint8 [n, H, W, C] and labels int64 [n] on its device."""

    network: nn.Module
    images: Tensor
    labels: Tensor
    classes: int
    split: str
    config: EvaluationConfig
    journal: Journal
    advance: Advance
    memory: Batches = field(default_factory=lambda: Batches(500))
    source: nn.Module | None = None

    def clean(self) -> Columns:
        """Without an attack: prediction int64 (-1 where outputs are not finite), margin and loss float32, each [n]."""

        def outputs(images: Tensor, labels: Tensor, seed: int) -> Columns:
            with torch.no_grad():
                return _described(self.network(images), labels)

        return self._batches("clean", 1, self._everyone, outputs)

    def watched(self, attack: IterativeAttack) -> Columns:
        """Run an attack from the image itself to its last step, for which poisoning scores are defined.

        survived bool (correct at every iterate), and for the last iterate: prediction int64, margin, loss and
        poisoning_score float32, poisoning_class int64 (the likeliest wrong class), each [n].
        """
        within = attack.within(self.config.epsilon, self.config.norm)

        def last_iterate(images: Tensor, labels: Tensor, seed: int) -> Columns:
            survived = torch.ones_like(labels, dtype=torch.bool)

            def observe(logits: Tensor) -> None:
                survived.logical_and_(is_correct(logits, labels))

            adversarial = ascend(self.network, images, images.clone(), attack.objective(labels), within, observe)
            with torch.no_grad():
                logits = self.network(adversarial)
            observe(logits)
            finite = logits.isfinite().all(dim=1)
            rivals = logits.scatter(1, labels[:, None], -torch.inf).argmax(dim=1)
            return {
                "survived": survived.cpu().numpy(),
                "poisoning_score": torch.where(finite, poisoning_scores(logits, labels), torch.nan).cpu().numpy(),
                "poisoning_class": torch.where(finite, rivals, -1).cpu().numpy(),
                **_described(logits, labels),
            }

        return self._batches(f"{attack.name} watched", attack.passes, self._everyone, last_iterate)

    def survived(self, attack: IterativeAttack, chosen: Indices | None = None, epsilon: float | None = None) -> Bools:
        """Which samples survive an attack, bool, in the order of `chosen` (default: all)."""
        within = attack.within(self.config.epsilon if epsilon is None else epsilon, self.config.norm)

        def attempt(images: Tensor, labels: Tensor, seed: int) -> Columns:
            generator = torch.Generator(images.device).manual_seed(seed)
            left = survives(self.network, images, labels, attack.objective, within, attack.starts, generator)
            return {"survived": left.cpu().numpy()}

        everyone = self._everyone if chosen is None else chosen
        return self._batches(attack.name, attack.passes, everyone, attempt, within.epsilon)["survived"]

    def targeted(self, attack: TargetedAttack) -> Bools:
        """Which samples survive an attack towards the likeliest wrong classes, bool [n]."""
        within = attack.within(self.config.epsilon, self.config.norm)

        def attempt(images: Tensor, labels: Tensor, seed: int) -> Columns:
            left = survives_targets(self.network, images, labels, within, attack.targets)
            return {"survived": left.cpu().numpy()}

        return self._batches(attack.name, attack.passes, self._everyone, attempt)["survived"]

    def transferred(self, attack: TransferredAttack) -> Bools:
        """Which samples survive what was crafted on the source, bool [n]."""
        source = self.source
        assert source is not None
        within = attack.within(self.config.epsilon, self.config.norm)

        def attempt(images: Tensor, labels: Tensor, seed: int) -> Columns:
            crafted = ascend(source, images, images.clone(), cross_entropy(labels), within)
            left = survival.correct(self.network, images, labels) & survival.correct(self.network, crafted, labels)
            return {"survived": left.cpu().numpy()}

        name = f"{attack.name} from {digest(source)[:16]}"
        return self._batches(name, attack.passes, self._everyone, attempt)["survived"]

    def survived_by(self, attack: Stepwise) -> Bools:
        """Which samples survive an attack by steps of any kind, bool [n]."""
        if isinstance(attack, TargetedAttack):
            return self.targeted(attack)
        if isinstance(attack, TransferredAttack):
            return self.transferred(attack)
        assert isinstance(attack, IterativeAttack)
        return self.survived(attack)

    def autoattack(self, chosen: Indices) -> tuple[dict[str, Bools], list[str]]:
        """Which of the chosen samples survive up to each part of AutoAttack, and its warnings."""
        warned = self._first_batch_checks(chosen)
        parts = autoattack.parts(self.classes)
        left, said = self._parts({part: f"autoattack {part}" for part in parts}, chosen)
        return left, warned + said

    def in_parts(self, attack: AttackInParts) -> tuple[Bools, list[str]]:
        """Which samples survive all parts of an attack, bool [n], and the parts' warnings."""
        units = {part: f"parts {'+'.join(attack.parts[: place + 1])}" for place, part in enumerate(attack.parts)}
        left, warned = self._parts(units, self._everyone)
        return left[attack.parts[-1]], warned

    def _parts(self, units: dict[str, str], chosen: Indices) -> tuple[dict[str, Bools], list[str]]:
        """Which of the chosen samples survive up to each part, under its name in the journal; and the warnings."""
        left: dict[str, Bools] = {}
        warned: list[str] = []
        before = np.ones(len(chosen), np.bool_)
        for part, unit in units.items():

            def attempt(images: Tensor, labels: Tensor, seed: int, part: str = part) -> Columns:
                survived, texts = autoattack.survives_part(
                    part, self.network, images, labels, self.config.epsilon, self.classes, seed, self.config.norm
                )
                return {"survived": survived.cpu().numpy(), "warned": np.array(texts, np.str_)}

            nothing: Columns = {"survived": np.empty(0, np.bool_), "warned": np.empty(0, np.str_)}
            found = self._batches(unit, autoattack.PASSES[part], chosen, attempt, among=before, nothing=nothing)
            before = before.copy()
            before[before] = found["survived"]
            left[part] = before
            warned += found["warned"].tolist()
        return left, warned

    def gradients(self, chosen: Indices) -> Columns:
        """Whether the gradient of cross-entropy at each chosen sample is `zero`, or `finite`, in all pixels."""

        def gradients(images: Tensor, labels: Tensor, seed: int) -> Columns:
            images.requires_grad_()
            with torch.enable_grad():
                loss = cross_entropy(labels)(self.network(images)).sum()
            (gradient,) = torch.autograd.grad(loss, images)
            every = gradient.flatten(1)
            return {
                "zero": (every == 0).all(dim=1).cpu().numpy(),
                "finite": every.isfinite().all(dim=1).cpu().numpy(),
            }

        return self._batches("gradients", 1, chosen, gradients)

    @property
    def _everyone(self) -> Indices:
        return np.arange(len(self.labels))

    def _first_batch_checks(self, chosen: Indices) -> list[str]:
        def check(count: int) -> list[str]:
            first = torch.from_numpy(chosen[:count]).to(self.labels.device)
            return autoattack.check(self.network, pixels(self.images[first]), self.labels[first])

        return self.memory.first(len(chosen), check)

    def _batches(
        self,
        attack: str,
        passes: int,
        chosen: Indices,
        work: Callable[[Tensor, Tensor, int], Columns],
        epsilon: float | None = None,
        among: Bools | None = None,
        nothing: Columns | None = None,
    ) -> Columns:
        """Apply `work` to images, labels and a seed, over all batches of the chosen samples, and join the results.

        `among` drops samples from their batches without moving others between batches; `nothing` is the result if no
        sample is left.
        """
        epsilon = self.config.epsilon if epsilon is None else epsilon
        size = self.config.batch_size
        parts: list[Columns] = []
        for start in range(0, len(chosen), size):
            batch = chosen[start : start + size]
            if among is not None:
                batch = batch[among[start : start + size]]
            passed = passes * min(size, len(chosen) - start)
            if not len(batch):
                self.advance(passed, f"{self.split}, {attack}")
                continue
            digest = hashlib.sha256(batch.astype("<i8").tobytes()).hexdigest()[:16]
            ball = "" if self.config.norm == "linf" else f"{self.config.norm} "
            unit = f"{self.split}, {attack}, {ball}epsilon {epsilon!r}, seed {self.config.seed}, samples {digest}"
            found = self.journal.get(unit)
            if found is None:
                found = self._worked(batch, unit, work)
                self.journal.add(unit, found)
            parts.append(found)
            self.advance(passed, f"{self.split}, {attack}")
        return _joined(parts) if parts else nothing or {}

    def _worked(self, batch: Indices, unit: str, work: Callable[[Tensor, Tensor, int], Columns]) -> Columns:
        """Apply `work` to a batch, at once or, if it does not fit in memory, in parts."""

        def one(part: slice) -> Columns:
            places = torch.from_numpy(batch[part]).to(self.labels.device)
            name = ("evaluation", unit, part.start) if part.start else ("evaluation", unit)
            with seeded("network", *name):
                return work(pixels(self.images[places]), self.labels[places], seed_for(*name))

        return _joined(self.memory.over(len(batch), one))


def _joined(parts: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _described(logits: Tensor, labels: Tensor) -> Columns:
    """The columns recorded from logits [B, K]; a margin is positive where the sample is misclassified."""
    return {
        "prediction": predictions(logits).cpu().numpy(),
        "margin": margins(logits, labels).cpu().numpy(),
        "loss": functional.cross_entropy(logits, labels, reduction="none").cpu().numpy(),
    }
