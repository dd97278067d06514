"""A study's dataset with corrected labels: as a new file, as the user's own file written again, or as a DataFrame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from memscore.datasets import SourceOptions
from memscore.datasets.dataset import Dataset
from memscore.datasets.frames import dataset_of
from memscore.datasets.rewriting import rewrite, rewritten_frames
from memscore.datasets.writing import Changes, changed, write_dataset
from memscore.errors import InvalidInput
from memscore.messages.reviews import Reviews
from memscore.naming import require_clear
from memscore.notebook.listings import Suspects
from memscore.scores.reviews import changes as agreed_changes
from memscore.workflows.reviews import decisions_of

Corrections = Suspects | Reviews | Mapping[int, int | str | None]
"""Suspects with their suggested labels, what reviewers agree on, or labels by training sample; None leaves out."""


def changes_of(corrections: Corrections, class_names: Sequence[str], *, drop: bool) -> Changes:
    """The new label of each training sample that is corrected, or None for all of them with `drop`.

    Raises InvalidInput for a number that may mean two classes.
    """
    if isinstance(corrections, Suspects):
        chosen = corrections.columns
        labels = dict(zip(chosen["index"].tolist(), chosen["suggested_label"].tolist(), strict=True))
        return {index: None if drop or label < 0 else label for index, label in labels.items()}
    if isinstance(corrections, Reviews):
        return {index: None if drop else label for index, label in agreed_changes(decisions_of(corrections)).items()}
    for label in corrections.values():
        require_clear(class_names, label)
    return {index: None if drop else label for index, label in corrections.items()}


def corrected_file(dataset: Dataset, changes: Changes, path: Path, like: str | None, options: SourceOptions) -> Path:
    """Write the dataset with other labels, like its source if one is given. Raises InvalidInput or InvalidDataset."""
    if like is None:
        return write_dataset(changed(dataset, changes), path)
    rewrite(dataset, like, path, changes, options)
    return path


def corrected_frame(dataset: Dataset, changes: Changes, frame: Any, options: SourceOptions, seed: int) -> Any:
    """The DataFrame that the dataset was made of, or the pair of them, with other labels.

    Raises InvalidInput if it makes another dataset.
    """
    frames: list[Any] = list(cast("tuple[Any, ...]", frame)) if isinstance(frame, tuple | list) else [frame]
    for one in frames:
        if not hasattr(one, "iloc") or not hasattr(one, "columns"):
            raise InvalidInput(f"frame must be a pandas DataFrame, not {type(one).__name__}; to_pandas() makes one.")
    original = dataset_of(tuple(frames) if len(frames) > 1 else frame, options=options, seed=seed)
    if original.fingerprint != dataset.fingerprint:
        raise InvalidInput(
            "The frame does not make this study's dataset: it has changed since, or was given with other arguments. "
            "What was estimated from two frames needs both, as a pair."
        )
    made = rewritten_frames(dataset, frames, original, changes, options)
    return made[0] if len(made) == 1 else tuple(made)
