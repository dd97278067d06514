"""The summary: what was measured, and what was found, in sentences."""

from __future__ import annotations

import numpy as np

from memscore.datasets.dataset import Dataset
from memscore.messages.studies import StudyMessage
from memscore.report.gallery import ClassPart, Gallery
from memscore.report.influences import Influences
from memscore.report.provenance import recipe_in_words
from memscore.report.suspected import Suspected
from memscore.scores.tables import ATYPICAL, TYPICAL, ScoreTable


def percent(share: float | None) -> str:
    """A share in per cent with one decimal; a dash where it is not known. Only all is 100, and only none is 0."""
    if share is None or share != share:
        return "–"
    bounded = share if share in (0, 1) else min(max(share, 0.001), 0.999)
    return f"{100 * bounded:.1f}"


def measured(study: StudyMessage, scores: ScoreTable, dataset: Dataset) -> str:
    """What was done, on what."""
    images = f"{len(dataset.y_train):,} training images of {study.dataset}"
    if study.recipe is None or study.design is None:
        return f"Scores of the {images}, imported without the models’ answers they were made from."
    network = recipe_in_words(study.recipe, None).split(", batch size")[0]
    return (
        f"{scores.trials:,} models ({network}) were each trained on another random "
        f"{100 * study.design.subset_ratio:g} % of the {images} and asked about all of them."
    )


def finding(scores: ScoreTable) -> str:
    """How many training samples are memorized."""
    samples = len(scores)
    if not np.isfinite(scores["mem"]).any():
        return f"No training image has a score yet, of {samples:,}."
    atypical, typical = scores.atypical(), scores.typical()
    sure = ""
    if np.isfinite(scores["mem_low"]).any():
        above = int((atypical & (scores["mem_low"] > np.float32(ATYPICAL))).sum())
        sure = f"; for {above:,} of them the whole 95 % interval says so"
    return (
        f"{_of(int(atypical.sum()), samples)} are memorized (atypical, mem above {ATYPICAL:g}{sure}): models are right "
        f"on them more often if they were trained on them. {_of(int(typical.sum()), samples)} are typical (mem below "
        f"{TYPICAL:g}): learned from others like them."
    )


def points(found: Gallery, suspected: Suspected, influences: Influences) -> list[str]:
    """What else a reader should know, one sentence or two each."""
    said: list[str] = []
    classes = found.by_share
    if len(classes) > 1 and classes[0].share > classes[-1].share:
        said.append(f"Memorized most: class {_class(classes[0])}; least: class {_class(classes[-1])}.")
    if suspected.auroc is not None:
        said.append(
            f"{suspected.planted:,} labels were made wrong on purpose. mem ranks them above the others: AUROC "
            f"{suspected.auroc:.3f} (1 is perfect, 0.5 chance)."
        )
    if influences.tested and influences.kept:
        said.append(
            f"Test images that rest on a single training image beyond chance: {influences.test_images:,} "
            f"(pairs at a false-discovery rate of {100 * influences.q_shown:g} %: {influences.significant:,})."
        )
    return said


def _of(count: int, samples: int) -> str:
    return f"{count:,} of {samples:,} training images ({percent(count / samples)} %)"


def _class(one: ClassPart) -> str:
    return f"{one.name} ({percent(one.share)} % atypical)"
