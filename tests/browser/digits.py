"""Studies of the digits, trained here: seconds for some tens of trials, without Ray."""

from __future__ import annotations

import torch

from memscore.datasets import Dataset, load_source
from memscore.datasets.label_noise import flip_labels
from memscore.datasets.storage import open_dataset, save
from memscore.learning.data import DeviceData
from memscore.learning.unit import prepare, train_unit
from memscore.settings import Settings
from memscore.store import Database, datasets, evidence, open_database, studies, tables
from memscore.store.datasets import DatasetRecord
from memscore.store.migrate import upgrade
from memscore.study.evidence import Trial
from memscore.study.recipes import RECIPES
from memscore.study.spec import Design
from memscore.study.subsets import units
from tests.conftest import build


def fill(
    settings: Settings, wanted: dict[str, tuple[int, int]], *, old: frozenset[str] = frozenset(), errors: float = 0
) -> None:
    """Register the digits in a new embedded database, with a study for each name of `wanted`: seed and trials.

    Tables are as a service makes them; those of the studies `old`, as it made them before it compared images. A share
    `errors` of the training labels is wrong.
    """
    settings.prepare_home()
    prepare(torch.device("cpu"))
    images = load_source("digits")
    if errors:
        images = flip_labels(images, errors, seed=0)
    save(images, settings.home)
    database = open_database(f"sqlite:///{settings.home / 'memscore.db'}")
    upgrade(database)
    with database.writing() as connection:
        record = datasets.register(connection, "digits", images)
    for name, (seed, count) in wanted.items():
        _estimate(database, record, images, name, Design(seed=seed), count, old=name in old)
    database.close()


def estimate(settings: Settings, dataset: str, name: str, seed: int, count: int) -> None:
    """Estimate a study of a registered dataset in an embedded database, which a service may have open."""
    prepare(torch.device("cpu"))
    database = open_database(f"sqlite:///{settings.home / 'memscore.db'}")
    with database.reading() as connection:
        record = datasets.by_name(connection, dataset)
    images = open_dataset(settings.home, record.fingerprint)
    _estimate(database, record, images, name, Design(seed=seed), count)
    database.close()


def _estimate(
    database: Database,
    record: DatasetRecord,
    images: Dataset,
    name: str,
    design: Design,
    count: int,
    *,
    old: bool = False,
) -> None:
    recipe, data = RECIPES["digits"], DeviceData.of(images, torch.device("cpu"))
    trials: list[Trial] = []
    for unit in units(recipe, count, present=[]):
        trials += train_unit(data, recipe, design, unit)
    with database.writing() as connection:
        study = studies.ensure(connection, record, recipe, design, name)
        evidence.add(connection, study.id, trials)
        tables.add(connection, study.id, *build(images, trials, design, study.id, images=not old))
