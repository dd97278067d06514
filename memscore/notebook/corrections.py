"""A study's dataset with corrected labels: as a new file, as the user's own file written again, or as a DataFrame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memscore.datasets import SourceOptions
from memscore.datasets.dataset import Dataset
from memscore.datasets.frames import dataset_of
from memscore.datasets.rewriting import rewrite, rewritten_frame
from memscore.datasets.writing import Changes, changed, write_dataset
from memscore.errors import InvalidInput
from memscore.messages.reviews import Reviews
from memscore.notebook.listings import Suspects
from memscore.scores.reviews import changes as agreed_changes
from memscore.workflows.reviews import decisions_of

Corrections = Suspects | Reviews | Mapping[int, int | str | None]
"""Suspects with their suggested labels, what reviewers agree on, or labels by training sample; None leaves out."""


def changes_of(corrections: Corrections, *, drop: bool) -> Changes:
    """The new label of each training sample that is corrected, or None for all of them with `drop`."""
    if isinstance(corrections, Suspects):
        chosen = corrections.columns
        labels = dict(zip(chosen["index"].tolist(), chosen["suggested_label"].tolist(), strict=True))
        return {index: None if drop or label < 0 else label for index, label in labels.items()}
    named = agreed_changes(decisions_of(corrections)) if isinstance(corrections, Reviews) else corrections
    return {index: None if drop else label for index, label in named.items()}


def corrected_file(dataset: Dataset, changes: Changes, path: Path, like: str | None, options: SourceOptions) -> Path:
    """Write the dataset with other labels, like its source if one is given. Raises InvalidInput or InvalidDataset."""
    if like is None:
        return write_dataset(changed(dataset, changes), path)
    rewrite(dataset, like, path, changes, options)
    return path


def corrected_frame(dataset: Dataset, changes: Changes, frame: Any, options: SourceOptions, seed: int) -> Any:
    """The DataFrame that the dataset was made of, with other labels. Raises InvalidInput if it makes another one."""
    if not hasattr(frame, "iloc") or not hasattr(frame, "columns"):
        raise InvalidInput(f"frame must be a pandas DataFrame, not {type(frame).__name__}; to_pandas() makes one.")
    original = dataset_of(frame, options=options, seed=seed)
    if original.fingerprint != dataset.fingerprint:
        raise InvalidInput(
            "The frame does not make this study's dataset: it has changed since, or was given with other arguments."
        )
    return rewritten_frame(dataset, frame, original, changes, options)
