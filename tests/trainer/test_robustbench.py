"""Entries for RobustBench's collection: their fields, radii, and what they say of a part of the samples."""

from __future__ import annotations

from typing import Any

import pytest

from trainer.evaluation.robustbench import entry, radius
from trainer.evaluation.table import Accuracy, Row

META: dict[str, Any] = {
    "epsilon": 8 / 255,
    "norm": "linf",
    "dataset": "CIFAR100",
    "checkpoint": "best-adversarial",
    "architecture": "resnet18",
}
FIELDS = [
    "link",
    "name",
    "authors",
    "additional_data",
    "number_forward_passes",
    "dataset",
    "venue",
    "architecture",
    "eps",
    "clean_acc",
    "reported",
    "autoattack_acc",
    "footnote",
]
"""The fields of the entries in RobustBench's repository."""


def rows(tried: int = 200, *, split: str = "test", **further: Accuracy) -> list[Row]:
    accuracy = {"clean": Accuracy.of(540, 1000), "autoattack": Accuracy.of(50, tried), **further}
    return [Row(split, "all", 1000, accuracy, None, None, None, None), Row(split, "typical", 300, {}, *[None] * 4)]


def test_an_entry_has_the_fields_of_the_collection():
    made = entry(META, rows())
    assert made is not None
    assert list(made) == FIELDS
    assert made["dataset"] == "cifar100"
    assert (made["architecture"], made["name"]) == ("resnet18", "best-adversarial")
    assert (made["eps"], made["clean_acc"], made["autoattack_acc"]) == ("8/255", "54.00", "25.00")
    assert made["footnote"].startswith("Norm linf. AutoAttack on 200 of 1,000 test samples, 95 % interval 19.")


def test_without_autoattack_on_test_samples_there_is_none():
    assert entry(META, rows(split="train")) is None
    assert entry(META, [Row("test", "all", 10, {"clean": Accuracy.of(5, 10)}, None, None, None, None)]) is None
    assert entry(META, rows(autoattack=Accuracy.of(0, 0))) is None
    assert entry(META, []) is None


@pytest.mark.parametrize(
    ("epsilon", "text"),
    [(8 / 255, "8/255"), (0.5, "0.5"), (0.031, "0.031"), (0.0, "0"), (2.5, "2.5"), (4 / 255, "4/255")],
)
def test_radii_are_written_as_in_papers(epsilon: float, text: str):
    assert radius(epsilon) == text
