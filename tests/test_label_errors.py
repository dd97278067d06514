"""The main claim on real images: mem finds planted label errors, and its standard error is right."""

import numpy as np

from api.serving.in_process import in_process
from memscore.client import Client
from memscore.datasets import load_source
from memscore.datasets.label_noise import flip_labels
from memscore.settings import Settings
from memscore.statistics.estimates import SufficientStatistics, auroc, halves, memorization
from memscore.store import evidence, open_database
from memscore.store.migrate import require_current
from memscore.study.evidence import unpack_trials
from memscore.study.spec import Design
from memscore.workflows.datasets import register
from memscore.workflows.jobs import dispatching

HALF = 50


def test_mem_finds_flipped_digits_and_halves_differ_as_predicted(settings_of_sqlite: Settings):
    """10 % of the labels flipped: AUROC from 50 trials at least 0.99, split-half ratio with 50 more 1.0 +- 0.1."""
    settings = settings_of_sqlite
    database = open_database(settings.database)
    require_current(database)
    dataset = flip_labels(load_source("digits"), 0.1, 0)
    register(database, settings, "digits-noisy", dataset)
    with Client(http=in_process(database)) as client, dispatching(database, settings):
        job = client.wait(client.submit("digits-noisy", "digits", trials=2 * HALF).id)
        table = client.table(job.study)
    with database.reading() as connection:
        trials = evidence.load(connection, job.study)
    database.close()

    def half(first: int) -> SufficientStatistics:
        chosen = trials[first : first + HALF]
        return SufficientStatistics.of(unpack_trials(chosen, Design(), len(dataset.y_train), len(dataset.y_test)))

    first, second = half(0), half(HALF)
    mem_first, mem_second = memorization(first), memorization(second)
    area = auroc(mem_first.estimate, dataset.flipped)
    ratio = halves(mem_first, mem_second).ratio
    assert ratio is not None
    both = memorization(first + second)
    print(
        f"AUROC {area:.4f}, split-half ratio {ratio:.3f}, in-sample accuracy {first.in_sample_accuracy:.4f}, "
        f"mean mem flipped {both.estimate[dataset.flipped].mean():.3f}, "
        f"others {both.estimate[~dataset.flipped].mean():.3f}"
    )
    assert area >= 0.99
    assert 0.9 <= ratio <= 1.1
    assert (first + second).in_sample_accuracy >= 0.99
    assert table.warnings == []
    np.testing.assert_array_equal(table["mem"], both.estimate.astype(np.float32))
