"""Summary of the report: what was measured and the main findings, in sentences."""

from __future__ import annotations

from memscore.counted import counted
from memscore.datasets.dataset import Dataset, Kind
from memscore.messages.scores import Privacy
from memscore.messages.studies import StudyMessage
from memscore.report.gallery import ClassPart, Gallery
from memscore.report.influences import Influences
from memscore.report.provenance import recipe_in_words
from memscore.report.suspected import Suspected
from memscore.scores.findings import percent
from memscore.scores.planning import pair_forecast
from memscore.scores.tables import ScoreTable
from memscore.statistics.pair_power import RATE, TARGET
from memscore.study.spec import Design, Wanted


def measured(study: StudyMessage, scores: ScoreTable, dataset: Dataset) -> str:
    """What was measured, and on which dataset."""
    images = f"{counted(len(dataset.y_train), f'training {noun(dataset.kind)}')} of {study.dataset}"
    if study.recipe is None or study.design is None:
        return f"Scores of the {images}, imported without the underlying model outputs."
    network = recipe_in_words(study.recipe, None).split(", batch size")[0]
    return (
        f"{counted(scores.trials, 'model')} ({network}), each on a different random "
        f"{100 * study.design.subset_ratio:g} % of the {images} and evaluated on all of them."
    )


def points(
    found: Gallery,
    suspected: Suspected,
    influences: Influences,
    privacy: Privacy | None = None,
    kind: Kind = "images",
) -> list[str]:
    """Further findings, one or two sentences each."""
    sentences: list[str] = []
    named = noun(kind)
    classes = found.by_share
    if len(classes) > 1 and classes[0].share > classes[-1].share:
        sentences.append(f"Memorized most: class {_class(classes[0])}; least: class {_class(classes[-1])}.")
    if suspected.auroc is not None:
        sentences.append(
            f"Flipped on purpose: {counted(suspected.planted, 'label')}. AUROC of mem for finding them: "
            f"{suspected.auroc:.3f} (1 is perfect, 0.5 is chance)."
        )
    if influences.tested and influences.kept:
        sentences.append(
            f"Test {named}s that depend on a single training {named} beyond chance: {influences.test_images:,} "
            f"(pairs at a false-discovery rate of {100 * influences.q_shown:g} %: {influences.significant:,})."
        )
    if privacy is not None:
        recognized, auc = privacy.tpr_at_0_001, privacy.auc
        sentences.append(
            "An attacker who knows the recipe and has subsets of the same data recognizes "
            f"{percent(recognized.value)} % of the {named}s that a model was trained on, at 0.1 % false alarms (95 % "
            f"interval {percent(recognized.low)} to {percent(recognized.high)}; AUC {auc.value:.3f})."
        )
    return sentences


def forecast(scores: ScoreTable, design: Design | None) -> list[str]:
    """What share of the pairs of infl 0.2 the study should find now, and with three times the trials."""
    if design is None or not scores.trials:
        return []
    pairs, more = pair_forecast(scores, design, Wanted()), 3 * scores.trials
    now, then = pairs.share_found(TARGET, scores.trials), pairs.share_found(TARGET, more)
    if now is None or then is None:
        return []
    return [
        f"Of the pairs of infl {TARGET:g}, about {percent(now)} % should be found at a false-discovery rate of "
        f"{100 * RATE:g} %; with {counted(more, 'trial')}, {percent(then)} %."
    ]


def noun(kind: Kind) -> str:
    """What a sample of this kind is called."""
    return "image" if kind == "images" else "sample"


def _class(one: ClassPart) -> str:
    return f"{one.name} ({percent(one.share)} % atypical)"
