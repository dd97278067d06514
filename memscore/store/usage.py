"""What is stored, and what it takes of the disk, by study and by dataset."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from memscore.datasets.storage import size_of
from memscore.messages import usage as messages
from memscore.store import datasets
from memscore.store.metrics import database_bytes
from memscore.store.schema import studies
from memscore.store.sizes import StudySize, study_sizes


@dataclass(frozen=True)
class StudyUsage:
    """A study and its size in the database."""

    id: str
    name: str
    dataset: str
    size: StudySize


@dataclass(frozen=True)
class DatasetUsage:
    """A dataset, how many studies use it, and the bytes of its files in this home; names of equal data share them."""

    name: str
    fingerprint: str
    studies: int
    bytes: int


@dataclass(frozen=True)
class Usage:
    """Everything stored. `log_files` are those of drivers in this home; `database_bytes` includes indexes."""

    studies: list[StudyUsage]
    datasets: list[DatasetUsage]
    log_files: int
    log_file_bytes: int
    database_bytes: int

    @property
    def dataset_bytes(self) -> int:
        """The bytes of all datasets' files, each once."""
        return sum({one.fingerprint: one.bytes for one in self.datasets}.values())

    def message(self) -> messages.Usage:
        """All of it as a message."""
        return messages.Usage(
            studies=[
                messages.StudyUsage(
                    id=one.id,
                    name=one.name,
                    dataset=one.dataset,
                    size=messages.StudyRows(**asdict(one.size)),
                    bytes=one.size.bytes,
                )
                for one in self.studies
            ],
            datasets=[messages.DatasetUsage(**asdict(one)) for one in self.datasets],
            dataset_bytes=self.dataset_bytes,
            log_files=messages.LogFiles(files=self.log_files, bytes=self.log_file_bytes),
            database_bytes=self.database_bytes,
        )


def usage(connection: Connection, home: Path) -> Usage:
    """What is stored in a database and its home."""
    sizes = study_sizes(connection)
    rows = connection.execute(
        select(studies.c.id, studies.c.name, studies.c.dataset).order_by(studies.c.created_at, studies.c.id)
    ).all()
    of_studies = [StudyUsage(row.id, row.name, row.dataset, sizes.get(row.id, StudySize())) for row in rows]
    of_datasets = [
        DatasetUsage(
            record.name,
            record.fingerprint,
            sum(one.dataset == record.name for one in of_studies),
            size_of(home, record.fingerprint),
        )
        for record in datasets.listing(connection)
    ]
    files = list(_sizes(home / "logs"))
    return Usage(of_studies, of_datasets, len(files), sum(files), database_bytes(connection))


def _sizes(folder: Path) -> Iterator[int]:
    """The bytes of each log file in a folder, from which any may be removed meanwhile."""
    for file in folder.glob("*.log"):
        with suppress(FileNotFoundError):
            yield file.stat().st_size
