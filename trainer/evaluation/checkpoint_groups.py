"""Evaluate checkpoints together: every distinct network once, even if it was kept under several names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from torch import nn

from memscore.datasets.dataset import Dataset
from memscore.learning.data import DeviceData
from memscore.study import signatures
from trainer.config import TrainConfig
from trainer.evaluation.checkpoint_paths import Candidate, load, trained_of
from trainer.evaluation.config import EvaluationConfig
from trainer.evaluation.corruptions import Corruptions
from trainer.evaluation.evaluation import evaluate
from trainer.evaluation.findings import EvaluationFinding
from trainer.evaluation.identity import digest
from trainer.evaluation.passes import OnProgress
from trainer.evaluation.result import Evaluation
from trainer.network import signature
from trainer.scores import Scores

Progress = Callable[[str], AbstractContextManager[OnProgress]]
"""From a checkpoint's name to a context that provides the callback for its evaluation's passes."""


@dataclass(frozen=True)
class Evaluated:
    """A candidate with its evaluation; `twin` is the name of an earlier candidate with the same weights, if any."""

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
    on_note: Callable[[str], None] | None = None,
    source: nn.Module | None = None,
    normalize: str | None = None,
    corruptions: Corruptions | None = None,
) -> Iterator[Evaluated]:
    """Evaluate candidates on a dataset, given with its name, and write the results to the folder of each.

    `network` and `normalize` are passed to `load`; `on_note`, `source` and `corruptions` to `evaluate`. Raises the
    errors of both.
    """
    name, images = dataset
    fingerprint = images.fingerprint
    mem = None if scores is None else scores.mem
    found: dict[str, tuple[str, Evaluation]] = {}
    signed: dict[str, str] = {}
    for candidate in candidates:
        module = load(candidate, images, network, normalize).to(data.device)
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
                    test_p=None if scores is None else scores.test_p,
                    trained=trained_of(candidate, images, mem),
                    fingerprint=fingerprint,
                    folder=candidate.folder,
                    source=source,
                    corruptions=corruptions,
                    on_progress=on_progress,
                    on_note=on_note,
                )
                evaluation = replace(evaluation, findings=[*evaluation.findings, *_changes(candidate, images, signed)])
            found[weights] = candidate.name, evaluation
        description = {**candidate.description, "dataset": name}
        digest_of_scores = None if scores is None else scores.digest
        evaluation = found[weights][1].of_checkpoint(candidate.name, description, digest_of_scores)
        evaluation.write(candidate.folder)
        yield Evaluated(candidate, evaluation, twin)


def _changes(candidate: Candidate, dataset: Dataset, signed: dict[str, str]) -> list[EvaluationFinding]:
    """A finding if the network's code has changed since the candidate was trained.

    `signed` caches signatures by network and options: computing one takes seconds for a large network.
    """
    trained = candidate.description.get("network")
    if trained is None:
        return []
    config = TrainConfig.model_validate(candidate.description["config"])
    network = f"{config.network} {config.network_options}"
    if network not in signed:
        signed[network] = signature(dataset, config)
    if signatures.same(trained, signed[network]):
        return []
    return [
        EvaluationFinding(
            "network",
            "amber",
            "its code has changed since these weights were trained",
            "The accuracies are those of the trained weights in the changed network, which was never trained.",
        )
    ]
