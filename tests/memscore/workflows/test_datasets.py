"""Datasets are added under names that follow from their sources and options."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from memscore.datasets import SourceOptions
from memscore.errors import Conflict, InvalidInput
from memscore.settings import Settings
from memscore.workflows.datasets import add_dataset, load_named


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A dataset of three classes."""
    labels = np.arange(30) % 3
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 4), np.uint8)
    np.savez(tmp_path / "mine.npz", x_train=images, y_train=labels, x_test=images[:6], y_test=labels[:6])
    return tmp_path / "mine.npz"


def test_a_name_follows_from_source_and_options(file: Path):
    source, options = f"npz:{file}", SourceOptions()
    assert load_named(source, None, options)[0] == "mine"
    assert load_named(source, None, options, flipped_share=0.1, seed=3)[0] == "mine-flipped-0.1-seed-3"
    assert load_named("digits", None, options)[0] == "digits"
    assert load_named(source, "other", options)[0] == "other"
    for name in ("", "../x", "a b"):
        with pytest.raises(InvalidInput, match="is not a valid name"):
            load_named(source, name, options)
    with pytest.raises(InvalidInput, match="the name of a published dataset"):
        load_named(source, "mnist", options)


def test_what_is_added_is_registered_once(file: Path, settings_of_sqlite: Settings):
    record = add_dataset(settings_of_sqlite, f"npz:{file}", flipped_share=0.2)
    assert record.name == "mine-flipped-0.2-seed-0"
    assert len(record.flipped) == 6
    assert add_dataset(settings_of_sqlite, f"npz:{file}", flipped_share=0.2) == record
    with pytest.raises(Conflict, match="already belongs to another dataset"):
        add_dataset(settings_of_sqlite, f"npz:{file}", record.name)
