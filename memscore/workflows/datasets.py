"""Registering datasets: from a source, or, for built-in ones, on first use."""

from __future__ import annotations

import os
import re
from pathlib import Path

from memscore.client import Client
from memscore.datasets import SOURCES, SourceOptions, load_source
from memscore.datasets.copies import with_findings
from memscore.datasets.dataset import Dataset
from memscore.datasets.forgotten import Forgotten
from memscore.datasets.label_noise import flip_labels
from memscore.datasets.storage import open_dataset
from memscore.errors import InvalidInput, NotFound
from memscore.messages.studies import StudyMessage
from memscore.progress import tracked
from memscore.settings import Settings
from memscore.store import Database, datasets, forgotten, registering
from memscore.store.datasets import DatasetRecord
from memscore.store.registering import require_valid_name
from memscore.workflows.embedded import opened_database


def add_dataset(
    settings: Settings,
    source: str,
    name: str | None = None,
    options: SourceOptions | None = None,
    *,
    flipped_share: float | None = None,
    seed: int = 0,
) -> DatasetRecord:
    """Load a dataset as `load_named` does, look for copies in it, and register it.

    Raises Conflict if another dataset has the name.
    """
    options = options or SourceOptions(downloads=settings.home / "downloads")
    name, dataset = load_named(source, name, options, flipped_share=flipped_share, seed=seed)
    dataset = with_findings(dataset)
    with opened_database(settings) as database:
        return register(database, settings, name, dataset)


def load_named(
    source: str, name: str | None, options: SourceOptions, *, flipped_share: float | None = None, seed: int = 0
) -> tuple[str, Dataset]:
    """A dataset and the name to register it under, by default one made of its source and options.

    flipped_share: the share of training labels to make wrong, drawn with `seed`.
    Raises InvalidInput for an invalid name or option, and the errors of `load_source`.
    """
    dataset = load_source(source, options)
    if name is None:
        name = _default_name(source, options, flipped_share, seed)
    require_valid_name(name)
    if flipped_share is not None:
        dataset = flip_labels(dataset, flipped_share, seed)
    if name in SOURCES and dataset.source != name:
        raise InvalidInput(
            f"{name!r} is the name of a published dataset, and this is another one ({dataset.source}); change --name."
        )
    return name, dataset


def register(database: Database, settings: Settings, name: str, dataset: Dataset) -> DatasetRecord:
    """Store a dataset's arrays in the home folder, which is made if it is missing, and register its name.

    Raises Conflict as `memscore.store.registering.register` does.
    """
    settings.prepare_home()
    return registering.register(database, settings.home, name, dataset)


def dataset_of_study(client: Client, settings: Settings, study: StudyMessage) -> Dataset:
    """The dataset of a study, memory-mapped from this home, without what the client's service says was forgotten.

    Raises NotFound if its arrays are not here.
    """
    about = client.dataset(study.dataset)
    gone = Forgotten.of(about.forgotten_train, about.forgotten_test)
    return open_dataset(settings.home, study.fingerprint).without(gone, study.fingerprint)


def ensure_registered(database: Database, settings: Settings, name: str) -> DatasetRecord:
    """The dataset of that name; a built-in one is registered on first use, from files in home/downloads.

    It is for training: raises Conflict if samples of it were forgotten. Raises NotFound, or InvalidDataset if files of
    a built-in one are missing and cannot be downloaded.
    """
    with database.reading() as connection:
        try:
            record = datasets.by_name(connection, name)
        except NotFound:
            if name not in SOURCES:
                raise
        else:
            forgotten.require_whole(record)
            return record
    options = SourceOptions(downloads=settings.home / "downloads", track=tracked)
    return register(database, settings, name, load_source(name, options))


def _default_name(source: str, options: SourceOptions, flipped_share: float | None, seed: int) -> str:
    """The source, or the name of its file, folder or function, with the options that change images or labels."""
    kind, colon, path = source.partition(":")
    first = Path(os.path.abspath(path)).stem if colon else source
    parts = [path.rpartition(":")[2] if kind == "torch" else first]
    if options.classes is not None:
        parts.append(f"{options.classes}-classes")
    if options.resize is not None:
        parts.append(f"{options.resize}x{options.resize}")
    if flipped_share is not None:
        parts.append(f"flipped-{flipped_share:g}-seed-{seed}")
    # A name that has other characters, such as "my pets (v2)", becomes a valid one.
    return re.sub(r"[^\w.-]+", "-", "-".join(parts), flags=re.ASCII).strip("-.") or kind
