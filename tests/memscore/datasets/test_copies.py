"""Copies among a dataset's samples, planted and found when it is added."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from memscore.datasets import Dataset, build_dataset, copies, load_source
from memscore.datasets.columns import SampleColumns
from memscore.datasets.copies import findings, with_findings
from memscore.scores.duplicates import near_duplicates

KINDS = ("brightness", "mirrored", "noise", "JPEG")


def altered(image: np.ndarray, kind: str, seed: int) -> np.ndarray:
    """A near-copy of a grey image."""
    if kind == "brightness":
        return np.rint(image * 0.7 + 40).astype(np.uint8)
    if kind == "mirrored":
        return image[:, ::-1]
    if kind == "noise":
        noise = np.random.default_rng(seed).normal(0, 5, image.shape)
        return np.clip(image + noise, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(image[..., 0]).save(file, "jpeg", quality=90)
    return np.asarray(Image.open(file))[..., None]


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_source("digits")


def test_the_digits_have_no_copies(digits: Dataset):
    assert findings(digits) == ()


def test_20_of_20_equal_copies_are_found_in_training_and_as_many_in_the_test_part(digits: Dataset):
    x, y, x_test, y_test = digits.x_train.copy(), digits.y_train.copy(), digits.x_test.copy(), digits.y_test.copy()
    x[1000:1020], y[1000:1020] = x[:20], y[:20]
    x_test[100:120], y_test[100:120] = x[500:520], y[500:520]
    planted = replace(digits, x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    in_test, in_training = findings(planted)
    assert in_test.startswith(
        "20 test samples are copies of training samples (20 equal): test 100 of train 500, test 101 of train 501"
    )
    assert in_test.endswith("and 15 more; accuracy on these says nothing of new samples.")
    assert in_training.startswith("20 training samples are copies of earlier ones (20 equal): train 1000 of train 0, ")


def test_80_of_80_near_copies_are_found_and_no_others(digits: Dataset):
    x, y = digits.x_train.copy(), digits.y_train.copy()
    planted = {}
    for number in range(80):
        kind = KINDS[number % 4]
        x[1000 + number], y[1000 + number] = altered(x[number], kind, number), y[number]
        planted[number, 1000 + number] = "mirrored" if kind == "mirrored" else "near"
    found = near_duplicates(x, y, digits.x_test, digits.y_test)
    assert {(one.index, one.other): one.kind for one in found} == planted
    (note,) = findings(replace(digits, x_train=x, y_train=y))
    assert note.startswith("80 training samples are copies of earlier ones (80 nearly so): train 1000 of train 0,")


def test_copies_with_other_labels_are_named_with_both(digits: Dataset):
    x, y = digits.x_train.copy(), digits.y_train.copy()
    x[1000], y[1000] = x[3], (y[3] + 1) % 10
    x[1001], y[1001] = altered(x[4], "brightness", 0), (y[4] + 1) % 10
    names = [f"{row}.png" for row in range(len(y))]
    named = replace(digits, x_train=x, y_train=y, columns=SampleColumns({"file": np.array(names)}))
    copied, conflict = findings(named)
    assert copied.startswith("2 training samples are copies of earlier ones (1 equal, 1 nearly so): 1000.png of 3.png")
    assert conflict == (
        f"2 pairs of copies have different labels, so one is wrong: 1000.png ({y[1000]}) and 3.png ({y[3]}), "
        f"1001.png ({y[1001]}) and 4.png ({y[4]})."
    )


def test_of_many_samples_only_equal_ones_are_looked_for(digits: Dataset, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(copies, "MOST_COMPARED", 1_000_000)
    x = digits.x_train.copy()
    x[1000], x[1001] = x[3], altered(x[4], "brightness", 0)
    said = findings(replace(digits, x_train=x))
    assert said[0] == "1 training sample is a copy of an earlier one (1 equal): train 1000 of train 3."
    assert said[-1] == "Of 1,797 samples, only equal ones were looked for, not near-copies."


def features(columns: int) -> Dataset:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, columns))
    x[150] = x[3]
    x[151] = x[4] + random.normal(0, 0.01, columns)
    return build_dataset(x, np.arange(200) % 4, x[[5]], np.array([1]), source="made up")


def test_copies_among_features():
    in_test, in_training, conflicts = findings(features(32))
    assert in_test.startswith("1 test sample is a copy of a training sample (1 equal): test 0 of train 5;")
    assert in_training.startswith("2 training samples are copies of earlier ones (1 equal, 1 nearly so):")
    assert conflicts.startswith("2 pairs of copies have different labels")
    assert findings(features(8)) == (
        "1 test sample has the same features as a training sample, by chance or as copies: test 0 of train 5.",
        "1 training sample has the same features as an earlier one, by chance or as copies: train 150 of train 3.",
        "1 pair with the same features has different labels: train 150 (2) and train 3 (3).",
    )


def test_copies_within_training_are_found_without_a_test_part(digits: Dataset):
    x = digits.x_train.copy()
    x[1000] = x[3]
    alone = replace(digits, x_train=x).select(slice(None), slice(0, 0))
    assert findings(alone)[0] == "1 training sample is a copy of an earlier one (1 equal): train 1000 of train 3."
    vectors = features(32)
    assert len(findings(vectors.select(slice(None), slice(0, 0)))) == len(findings(vectors)) - 1


def test_groups_in_both_parts_are_named():
    random = np.random.default_rng(0)
    columns = SampleColumns({"group": np.arange(20).astype(str)}, {"group": np.array(["3", "77", "3", "4"])})
    dataset = build_dataset(
        random.normal(size=(20, 4)),
        np.arange(20) % 2,
        random.normal(size=(4, 4)),
        np.array([0, 1, 0, 1]),
        source="made up",
        columns=columns,
    )
    assert findings(dataset) == ("2 groups have samples in both parts, so that held-out accuracy is too high: 3, 4.",)
    assert with_findings(dataset).notes[-1] == findings(dataset)[0]
    assert with_findings(dataset).fingerprint == dataset.fingerprint
