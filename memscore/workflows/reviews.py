"""From reviews of a study's samples to a corrected dataset."""

from __future__ import annotations

from dataclasses import dataclass

from memscore.client import Client
from memscore.datasets.storage import open_dataset
from memscore.datasets.writing import changed
from memscore.errors import InvalidInput
from memscore.messages.reviews import Reviews
from memscore.scores.reviews import Decided, Opinion, changes, decided
from memscore.settings import Settings
from memscore.store import Database, forgotten
from memscore.store.datasets import DatasetRecord
from memscore.store.registering import require_free_name
from memscore.workflows.datasets import register


@dataclass(frozen=True)
class Corrected:
    """A dataset made from reviews: how many of its samples have another label, and how many were left out."""

    dataset: DatasetRecord
    relabelled: int
    left_out: int


def decisions_of(found: Reviews) -> dict[int, Decided]:
    """What all reviewers of a study together decide on each sample."""
    given = (Opinion(one.index, one.verdict, one.label) for one in found.reviews if one.verdict is not None)
    return decided(given)


def add_corrected(database: Database, settings: Settings, client: Client, study: str, name: str) -> Corrected:
    """Register a study's dataset, corrected by its reviews, as `name`; its images must be in the home folder.

    Samples that reviewers call wrong get the class they name, or are left out where no class is right; disputed ones
    stay as they are. Samples that were removed on request are left out whatever reviewers say, and are not counted.
    Raises InvalidInput if nothing is to change, NotFound if the images are not here, Conflict if another dataset has
    the name.
    """
    require_free_name(name)
    fingerprint = client.study(study).fingerprint
    with database.reading() as connection:
        gone = forgotten.of(connection, fingerprint)
    decisions = decisions_of(client.reviews(study))
    new = {index: label for index, label in changes(decisions).items() if not gone.has("train", index)}
    if not new:
        raise InvalidInput(
            f"The reviews of study {study!r} change no label: no sample is called wrong by all who reviewed it."
        )
    before = open_dataset(settings.home, fingerprint).without(gone, fingerprint)
    record = register(database, settings, name, changed(before, new))
    left_out = sum(label is None for label in new.values())
    return Corrected(record, len(new) - left_out, left_out)
