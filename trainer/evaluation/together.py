"""Checkpoints evaluated together: every network once, by however many names it was kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from memscore.datasets.dataset import Dataset
from memscore.learning.data import DeviceData
from trainer.evaluation.candidates import Candidate, load, trained_of
from trainer.evaluation.config import EvaluationConfig
from trainer.evaluation.evaluation import digest, evaluate
from trainer.evaluation.passes import OnProgress
from trainer.evaluation.result import Evaluation
from trainer.scores import Scores

Progress = Callable[[str], AbstractContextManager[OnProgress]]
"""From a checkpoint's name to what is told of its evaluation's passes, within the block."""


@dataclass(frozen=True)
class Evaluated:
    """A candidate with its evaluation; `twin` is the name of the one before that is the same network."""

    candidate: Candidate
    evaluation: Evaluation
    twin: str | None


def evaluate_together(
    candidates: Sequence[Candidate],
    dataset: tuple[str, Dataset],
    data: DeviceData,
    config: EvaluationConfig,
    scores: Scores | None,
    progress: Progress,
    network: str | None = None,
) -> Iterator[Evaluated]:
    """Evaluate candidates on a dataset, given with its name, and write what is found to the folder of each.

    `network` is `load`'s. Raises what `load` and `evaluate` raise.
    """
    name, images = dataset
    fingerprint = images.fingerprint
    mem = None if scores is None else scores.table["mem"]
    found: dict[str, tuple[str, Evaluation]] = {}
    for candidate in candidates:
        module = load(candidate, images, network).to(data.device)
        weights = digest(module)
        twin = found[weights][0] if weights in found else None
        if twin is None:
            with progress(candidate.name) as on_progress:
                evaluation = evaluate(
                    module,
                    data,
                    config,
                    sets=None if scores is None else scores.sets,
                    mem=mem,
                    trained=trained_of(candidate, images, mem),
                    fingerprint=fingerprint,
                    folder=candidate.folder,
                    on_progress=on_progress,
                )
            found[weights] = candidate.name, evaluation
        description = {**candidate.description, "dataset": name}
        digest_of_scores = None if scores is None else scores.table.digest
        evaluation = found[weights][1].of_checkpoint(candidate.name, description, digest_of_scores)
        evaluation.write(candidate.folder)
        yield Evaluated(candidate, evaluation, twin)
