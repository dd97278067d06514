"""What a look at a dataset finds: copies within training and in the test part, and groups that are in both parts."""

from __future__ import annotations

from dataclasses import replace

from memscore.datasets.columns import Split
from memscore.datasets.dataset import Dataset
from memscore.datasets.wording import count, listed
from memscore.scores.duplicates import LEAST_FEATURES, Copies, near_duplicates

MOST_COMPARED = 10_000_000_000
"""Pairs of samples up to which near-copies are looked for: 100,000 samples, about a minute of one core."""
SHOWN = 5  # copies that a note names


def with_findings(dataset: Dataset) -> Dataset:
    """The dataset with a note on each thing found: copies, conflicting labels of copies, and groups in both parts."""
    return replace(dataset, notes=(*dataset.notes, *findings(dataset)))


def findings(dataset: Dataset) -> tuple[str, ...]:
    """A sentence for each thing that a look at a dataset's samples finds.

    Equal samples are always looked for, near-copies only if there are at most MOST_COMPARED pairs.
    """
    pairs = len(dataset.y_train) * (len(dataset.y_train) + len(dataset.y_test))
    near = pairs <= MOST_COMPARED
    found = near_duplicates(dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test, near=near)
    said = [*_copies(dataset, found, "test"), *_copies(dataset, found, "train"), *_conflicts(dataset, found)]
    if not near:
        samples = len(dataset.y_train) + len(dataset.y_test)
        said.append(f"Of {samples:,} samples, only equal ones were looked for, not near-copies.")
    return (*said, *_groups(dataset))


def _copies(dataset: Dataset, found: list[Copies], split: Split) -> list[str]:
    """How many samples of a part are copies of training samples, and which."""
    first: dict[int, Copies] = {}
    for one in found:
        if one.split == split and (one.other not in first or one.kind == "equal"):
            first[one.other] = one
    if not first:
        return []
    equal = sum(one.kind == "equal" for one in first.values())
    kinds = f"{equal:,} equal" if equal else ""
    if len(first) > equal:
        kinds += f"{', ' if equal else ''}{len(first) - equal:,} nearly so"
    columns = dataset.columns
    named = listed(
        [f"{columns.name_of(split, one.other)} of {columns.name_of('train', one.index)}" for one in first.values()],
        SHOWN,
    )
    part, of = ("test sample", "training sample") if split == "test" else ("training sample", "earlier one")
    article = "a" if split == "test" else "an"
    if _few_features(dataset):
        same = f"has the same features as {article} {of}" if len(first) == 1 else f"have the same features as {of}s"
        return [f"{count(len(first), part)} {same}, by chance or as copies: {named}."]
    copies = f"is a copy of {article} {of}" if len(first) == 1 else f"are copies of {of}s"
    because = "; accuracy on these says nothing of new samples" if split == "test" else ""
    return [f"{count(len(first), part)} {copies} ({kinds}): {named}{because}."]


def _conflicts(dataset: Dataset, found: list[Copies]) -> list[str]:
    """Copies whose labels differ."""
    different = [one for one in found if one.label != one.other_label]
    if not different:
        return []
    names, columns = dataset.class_names, dataset.columns
    named = listed(
        [
            f"{columns.name_of(one.split, one.other)} ({names[one.other_label]}) and "
            f"{columns.name_of('train', one.index)} ({names[one.label]})"
            for one in different
        ],
        SHOWN,
    )
    verb = "has" if len(different) == 1 else "have"
    if _few_features(dataset):
        return [f"{count(len(different), 'pair')} with the same features {verb} different labels: {named}."]
    return [f"{count(len(different), 'pair')} of copies {verb} different labels, so one is wrong: {named}."]


def _few_features(dataset: Dataset) -> bool:
    """Whether samples may be equal by chance."""
    return dataset.kind == "features" and dataset.x_train.shape[1] < LEAST_FEATURES


def _groups(dataset: Dataset) -> list[str]:
    """Groups with samples in both parts."""
    if not ("group" in dataset.columns.train and "group" in dataset.columns.test):
        return []
    both = sorted(set(dataset.columns.train["group"].tolist()) & set(dataset.columns.test["group"].tolist()))
    if not both:
        return []
    verb = "has" if len(both) == 1 else "have"
    return [
        f"{count(len(both), 'group')} {verb} samples in both parts, so that held-out accuracy is too high: "
        f"{listed([str(one) for one in both], SHOWN)}."
    ]
