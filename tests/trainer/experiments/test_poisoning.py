"""Figure 3 on runs whose poisoning samples are known."""

from pathlib import Path

import numpy as np
import pytest

from memscore.arrays import Bools
from memscore.errors import InvalidInput
from memscore.runs.layout import EVALUATIONS
from memscore.runs.sample_records import CORRECT, SampleRecords, known, write_samples
from tests.trainer.experiments.synthetic_study import like, made, noise, study, words
from trainer.evaluation.result import SAMPLES
from trainer.experiments.artifact import Artifact
from trainer.experiments.inputs import StudyMaterial
from trainer.experiments.kinds.poisoning import CHECKPOINT, Poisoning
from trainer.experiments.scales import CIFAR100, RESNET18, setting

COUNT = 120
LABELS = np.arange(COUNT) % 2
ATYPICAL = np.arange(COUNT) >= 60
POISONING = np.arange(COUNT) >= 90


def _images(looks: np.ndarray) -> np.ndarray:
    return like(noise(2, 8)[looks], 9)


def _made(
    runs: Path, looks: np.ndarray, poisoning: Bools = POISONING, trained: Bools | None = None, trials: int = 1000
) -> Artifact:
    """Of images that look like these classes, after a run with these poisoning samples, taken for the other class."""
    (run,) = Poisoning().runs(setting("mini", CIFAR100, RESNET18), (0,))
    folder = run.folder(runs) / EVALUATIONS / CHECKPOINT
    folder.mkdir(parents=True)
    columns = {
        "label": known(LABELS),
        "trained": known(np.ones(COUNT, np.bool_) if trained is None else trained),
        "poisoning_score": known(np.where(poisoning, 0.9, 0.2).astype(np.float32)),
        "poisoning_class": known(1 - LABELS),
        f"{CORRECT}pgd": known(~poisoning),
    }
    write_samples(folder / SAMPLES, [SampleRecords("train", columns)], {})
    return made("fig3", _study(looks, trials), runs)


def _study(looks: np.ndarray, trials: int = 1000) -> StudyMaterial:
    return study(np.where(ATYPICAL, 0.9, 0.0), labels=LABELS, images=_images(looks), trials=trials)


def test_poisoning_samples_that_look_like_the_other_class_are_found(tmp_path: Path):
    artifact = _made(tmp_path, np.where(POISONING, 1 - LABELS, LABELS))
    assert words(artifact) == ["seen in one seed", "seen in one seed"]
    assert list(artifact.figures) == ["fig3-fashion-5"]
    assert "one seed" in artifact.verdicts[0].numbers
    assert len(artifact.numbers) == ATYPICAL.sum()


def test_poisoning_samples_that_look_like_their_own_class_do_not_confirm(tmp_path: Path):
    verdicts = _made(tmp_path, LABELS).verdicts
    assert [one.verdict for one in verdicts] == ["opposite seen in one seed", "undecided"]


def test_what_holds_for_every_atypical_sample_is_no_finding_on_poisoning_ones(tmp_path: Path):
    assert words(_made(tmp_path, np.where(ATYPICAL, 1 - LABELS, LABELS))) == ["seen in one seed", "undecided"]


def test_samples_that_the_network_was_not_trained_on_are_left_out(tmp_path: Path):
    artifact = _made(tmp_path, LABELS, trained=~POISONING)
    assert words(artifact) == ["not testable"] * 2
    assert len(artifact.numbers) == (ATYPICAL & ~POISONING).sum()


def test_two_poisoning_samples_are_too_few_to_decide(tmp_path: Path):
    looks = np.where(POISONING, 1 - LABELS, LABELS)
    assert words(_made(tmp_path, looks, poisoning=np.arange(COUNT) >= COUNT - 2))[0] == "undecided"


def test_without_any_that_withstands_there_is_nothing_to_compare_with(tmp_path: Path):
    looks = np.where(ATYPICAL, 1 - LABELS, LABELS)
    assert words(_made(tmp_path, looks, poisoning=ATYPICAL)) == ["seen in one seed", "not testable"]


def test_without_atypical_samples_nothing_is_drawn_or_decided(tmp_path: Path):
    artifact = _made(tmp_path, LABELS, trained=~ATYPICAL)
    assert words(artifact) == ["not testable"] * 2
    assert not artifact.figures
    artifact.write(
        tmp_path / "fig3",
        "Figure 3",
        {"command": "", "shown": "", "date": "", "device": "", "versions": {}, "seeds": [], "settings": []},
    )
    assert (tmp_path / "fig3" / "numbers.csv").read_text().strip() == ""


def test_too_few_trials_are_refused_with_the_number_missing(tmp_path: Path):
    with pytest.raises(InvalidInput, match="110 more"):
        _made(tmp_path, LABELS, trials=100)
