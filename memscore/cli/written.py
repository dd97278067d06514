"""Messages of commands that have written or registered something."""

from __future__ import annotations

from pathlib import Path

from memscore.console import out, print_json
from memscore.counted import counted
from memscore.store.datasets import DatasetRecord


def print_written(output: Path, count: int, what: str, format: str, as_json: bool) -> None:
    """Print how many rows were written, and to which file."""
    if as_json:
        print_json({"file": str(output), "format": format, "rows": count})
    else:
        out.print(f"{count} {what} written to {output}")


def print_added(record: DatasetRecord) -> None:
    """Print a registered dataset in one line."""
    out.print(
        f"Dataset {record.name}: {record.train_samples} training and {counted(record.test_samples, 'test image')} "
        f"{'x'.join(map(str, record.image_shape))}, {counted(len(record.class_names), 'class')}"
        + (f", {counted(len(record.flipped), 'label')} flipped" if record.flipped else "")
        + f", fingerprint {record.fingerprint[:12]}",
        highlight=False,
    )
