"""Make a study of 50,000 training samples without training, for benchmarks and tests of the dashboard.

Images are CIFAR-100's if MEMSCORE_REAL_IMAGES names a folder with the script that unpacks them, or such a folder lies
next to the project; otherwise coloured noise of the same size, with colours by class. Scores are synthetic: each sample
has a chance to be right when held out, mostly near 1, as in real images; some test samples depend on one training
sample each.

    python benchmarks/large_study.py HOME && MEMSCORE_HOME=HOME memscore serve
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from memscore.arrays import Indices, Labels
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.storage import save
from memscore.scores.table_builder import Provenance, build_tables
from memscore.settings import Settings
from memscore.statistics.counts import Counts
from memscore.store import datasets, evidence, open_database, studies, tables
from memscore.store.migrate import upgrade
from memscore.store.rebuilding import count_trials
from memscore.study.evidence import Trial, pack_trial
from memscore.study.spec import BLOCK, Design, Recipe
from memscore.study.subsets import block_membership

NAME = "large"
TRAIN, TEST, CLASSES = 50_000, 10_000, 100
TRIALS = 100
PAIRS = 500  # test samples that depend on a training sample
RECIPE = Recipe(network="resnet9", epochs=30, batch_size=128, learning_rate=0.1)
BESIDE = Path(__file__).parents[2] / "shared" / "data"


def real_images() -> Path | None:
    """The folder with the script that unpacks CIFAR-100, if there is one."""
    folder = Path(os.environ.get("MEMSCORE_REAL_IMAGES", BESIDE))
    return folder if (folder / "unpack.py").is_file() else None


def images() -> Dataset:
    """50,000 training and 10,000 test images of 32 x 32 pixels in 100 classes."""
    folder = real_images()
    if folder is None:
        return made_images()
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, folder / "unpack.py", scratch], check=True, stdout=subprocess.DEVNULL)
        with np.load(Path(scratch) / "cifar100.npz") as arrays:
            parts = [arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    return build_dataset(parts[0], parts[1].astype(np.int32), parts[2], parts[3].astype(np.int32), source="cifar100")


def made_images() -> Dataset:
    """Images of noise around the colours of their class."""
    random = np.random.default_rng(0)
    centres = random.integers(40, 216, (CLASSES, 4, 4, 3))

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = random.integers(0, CLASSES, count).astype(np.int32)
        coarse = centres[labels] + random.integers(-40, 40, (count, 4, 4, 3))
        return coarse.astype(np.uint8).repeat(8, axis=1).repeat(8, axis=2), labels

    return build_dataset(*draw(TRAIN), *draw(TEST), source="made up")


def made_pairs(y_train: Labels, y_test: Labels) -> tuple[Indices, Indices]:
    """Training samples, and the test samples of the same class that depend on them, one each."""
    random = np.random.default_rng(2)
    rests = random.choice(len(y_test), PAIRS, replace=False)
    on = [random.choice(np.flatnonzero(y_train == label)) for label in y_test[rests]]
    return np.array(on), rests


def made_trials(made: Dataset, design: Design, trials: int = TRIALS) -> list[Trial]:
    """Trials that are right on their training samples, and otherwise with a probability for each sample."""
    random = np.random.default_rng(1)
    samples, test_samples = len(made.y_train), len(made.y_test)
    chance = random.beta(1.6, 0.5, samples).astype(np.float32)
    test_chance = random.beta(1.6, 0.5, test_samples).astype(np.float32)
    on, rests = made_pairs(made.y_train, made.y_test)
    chance[on] *= 0.2  # samples without similar ones are memorized
    found: list[Trial] = []
    for block in range(trials // BLOCK):
        for subset in block_membership(design, samples, block):
            correct = subset | (random.random(samples, np.float32) < chance)
            test_chance[rests] = np.where(subset[on], 0.95, 0.1)
            right = random.random(test_samples, np.float32) < test_chance
            number = len(found)
            trial = pack_trial(number, subset, correct, right, device="none", code_version="made", seconds=10.0)
            found.append(trial)
    return found


def fill(home: Path) -> str:
    """Put the study into the embedded database of a home folder, and return its name."""
    made = images()
    save(made, home)
    design = Design()
    trials = made_trials(made, design)
    counts = Counts.empty(made.y_train, made.y_test)
    count_trials(counts, trials, design)
    database = open_database(f"sqlite:///{home / 'memscore.db'}")
    upgrade(database)
    with database.writing() as connection:
        record = datasets.register(connection, NAME, made)
        study = studies.ensure(connection, record, RECIPE, design, NAME)
        evidence.add(connection, study.id, trials)
        recipe = RECIPE.model_dump(mode="json")
        provenance = Provenance(study.id, made.fingerprint, recipe, design.model_dump(mode="json"))
        tables.add(connection, study.id, *build_tables(counts, provenance))
    database.close()
    return NAME


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Pass a new home folder for the study: python benchmarks/large_study.py HOME")
    settings = Settings(home=Path(sys.argv[1]))
    settings.prepare_home()
    print(fill(settings.home))
