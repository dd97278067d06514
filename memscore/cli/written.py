"""Messages of commands that have written or registered something."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from memscore.console import note, out, print_json
from memscore.counted import counted
from memscore.datasets.dataset import kind_of
from memscore.store.datasets import DatasetRecord


def print_written(output: Path, count: int, what: str, format: str, as_json: bool) -> None:
    """Print how many rows were written, and to which file."""
    if as_json:
        print_json({"file": str(output), "format": format, "rows": count})
    else:
        out.print(f"{count} {what} written to {output}")


def print_added(record: DatasetRecord, notes: Sequence[str] = ()) -> None:
    """Print a registered dataset in one line, then what reading it changed, skipped or found."""
    shape = "x".join(map(str, record.image_shape))
    images = kind_of(record.image_shape) == "images"
    noun, of = ("image", shape) if images else ("sample", f"of {counted(record.image_shape[0], 'feature')}")
    if record.test_samples:
        parts = f"{record.train_samples:,} training and {counted(record.test_samples, f'test {noun}')} {of}"
    else:
        parts = f"no test part, {counted(record.train_samples, f'training {noun}')} {of}"
    out.print(
        f"Dataset {record.name}: {parts}, {counted(len(record.class_names), 'class')}"
        + (f", {counted(len(record.flipped), 'label')} flipped on purpose" if record.flipped else "")
        + f", fingerprint {record.fingerprint[:12]}",
        highlight=False,
    )
    for text in notes:
        note(text)
