"""metrics.jsonl: a record for each epoch and each event; the same numbers go to TensorBoard."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memscore import strict_json
from memscore.errors import InvalidInput
from memscore.files import append_line, reason, sync
from memscore.runs.layout import METRICS


class MetricsLog:
    """Appends records to a run's metrics, after truncating the file to the `kept` bytes of an earlier attempt.

    Writes TensorBoard's files too if the package tensorboard is installed, and calls `on_record` with each record.
    Raises InvalidInput if the metrics cannot be written.
    """

    def __init__(
        self, folder: Path, kept: int, epoch: int, on_record: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        self.path = folder / METRICS
        self.on_record = on_record
        self._board = None
        with self._writing():
            self.path.touch()
            sync(folder)
            with self.path.open("r+b") as file:
                file.truncate(min(kept, file.seek(0, os.SEEK_END)))  # a longer one would get zeros at its end
            self._board = _board(folder / "tensorboard", epoch)

    def write(self, record: dict[str, Any]) -> int:
        """Append a record, on the disk when this returns the file's length in bytes. Raises InvalidInput."""
        with self._writing():
            length = append_line(self.path, strict_json.dumps(record))
            if self._board is not None and "epoch" in record:
                for name, value in flat(record).items():
                    self._board.add_scalar(name, value, record["epoch"])
                self._board.flush()
        if self.on_record is not None:
            self.on_record(record)
        return length

    def close(self) -> None:
        """Close TensorBoard's file; `write` has already reported a full disk."""
        if self._board is not None:
            with contextlib.suppress(OSError):
                self._board.close()

    @contextmanager
    def _writing(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise InvalidInput(f"The folder {self.path.parent} cannot be written ({reason(error)}).") from error


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The records of a run's folder, in order, without a last one that was cut short."""
    text = (folder / METRICS).read_text(encoding="utf-8") if (folder / METRICS).exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def _board(folder: Path, epoch: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=epoch + 1)


def flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The numbers of a record by their path in it, such as "accuracy/network/test/clean", without the epoch."""
    found: dict[str, float] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and name != "epoch":
            found[prefix + name] = value
    return found
