"""Studies of the digits, trained here: seconds for some tens of trials, without Ray."""

from __future__ import annotations

import torch

from memscore.datasets import load_source
from memscore.datasets.label_noise import flip_labels
from memscore.datasets.storage import save
from memscore.learning.data import DeviceData
from memscore.learning.unit import prepare, train_unit
from memscore.settings import Settings
from memscore.store import datasets, evidence, open_database, studies, tables
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
    place, recipe = torch.device("cpu"), RECIPES["digits"]
    prepare(place)
    images = load_source("digits")
    if errors:
        images = flip_labels(images, errors, seed=0)
    data = DeviceData.of(images, place)
    save(images, settings.home)
    database = open_database(f"sqlite:///{settings.home / 'memscore.db'}")
    upgrade(database)
    with database.writing() as connection:
        record = datasets.register(connection, "digits", images)
    for name, (seed, count) in wanted.items():
        design = Design(seed=seed)
        trials: list[Trial] = []
        for unit in units(recipe, count, present=[]):
            trials += train_unit(data, recipe, design, unit)
        with database.writing() as connection:
            study = studies.ensure(connection, record, recipe, design, name)
            evidence.add(connection, study.id, trials)
            tables.add(connection, study.id, *build(images, trials, design, study.id, images=name not in old))
    database.close()
