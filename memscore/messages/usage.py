"""What is stored, and what it takes of the disk."""

from __future__ import annotations

from pydantic import Field

from memscore.messages.message import Message


class StudyRows(Message):
    """Rows and bytes of one study in the database, without indexes."""

    trials: int
    full_trials: int
    evidence_bytes: int = Field(description="of trials and full trials")
    tables: int = Field(description="versions of score tables and pairs tables")
    table_bytes: int
    published: int = Field(description="plain rows for SQL")
    reviews: int = Field(default=0, description="verdicts of reviewers")
    jobs: int
    log_bytes: int = Field(description="of the jobs' logs in the database")


class StudyUsage(Message):
    """A study and its size."""

    id: str
    name: str
    dataset: str
    size: StudyRows
    bytes: int = Field(description="of trials, tables and logs")


class DatasetUsage(Message):
    """A dataset and the size of its files; names of equal data share them."""

    name: str
    fingerprint: str
    studies: int = Field(description="how many studies use it")
    bytes: int = Field(description="of its files in this service's home")


class LogFiles(Message):
    """The files in the home to which drivers write what they say."""

    files: int
    bytes: int


class Usage(Message):
    """Everything stored: studies, oldest first, and datasets by name."""

    studies: list[StudyUsage]
    datasets: list[DatasetUsage]
    dataset_bytes: int = Field(description="of all datasets' files, each once")
    log_files: LogFiles
    database_bytes: int = Field(description="of the database, with its indexes")
