"""Scores by the name of their source: a table file, or a study of a service."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from memscore.errors import InvalidInput
from memscore.scores.tables import ScoreTable


def load_table(source: str, *, key: str | None = None, cache: Path | None = None) -> ScoreTable:
    """The score table in a file, or at `URL#STUDY`, such as http://127.0.0.1:8000#digits.

    Raises InvalidInput if the source is neither, ServiceError or Damaged if it cannot be read.
    """
    if is_url(source):
        from memscore.client.blocking import Client  # here, so that a file can be read without httpx

        url, study = parse_source(source)
        with Client(url, key, cache=cache) as client:
            return client.table(study)
    path = Path(source).expanduser()
    if not path.is_file():
        raise InvalidInput(f"There is no table file {source}; give a file, or a service and study as URL#STUDY.")
    return ScoreTable.load(path)


def is_url(source: str) -> bool:
    """Whether a source of scores is a service rather than a file."""
    return source.startswith(("http://", "https://"))


def source_kind(source: str) -> Literal["url", "file", "study"]:
    """The kind of a source of scores: a study of a service as URL#STUDY, a table file, or a study by its name or id."""
    if is_url(source):
        return "url"
    return "file" if source.endswith(".npz") or Path(source).expanduser().is_file() else "study"


def parse_source(source: str) -> tuple[str, str]:
    """The URL and the study in `URL#STUDY`. Raises InvalidInput if the study is missing."""
    url, _, study = source.partition("#")
    if not study:
        raise InvalidInput(f"Name the study after the service's URL: {url}#STUDY.")
    return url, study
