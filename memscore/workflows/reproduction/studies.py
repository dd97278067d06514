"""The datasets and studies behind the paper's items: found, or made here."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from memscore.client import Client
from memscore.datasets import SourceOptions, load_source
from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import open_dataset
from memscore.errors import InvalidDataset, InvalidInput, NotFound
from memscore.progress import tracked
from memscore.settings import Settings
from memscore.store import Database
from memscore.study.spec import Design, study_id
from memscore.workflows.datasets import ensure_registered, register
from memscore.workflows.jobs import run_job
from memscore.workflows.watching import Follow, OnNote
from trainer.experiments.inputs import StudyMaterial
from trainer.experiments.miniature import MINIATURES
from trainer.experiments.scales import TINY_50
from trainer.experiments.setting import Setting

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts the official files."""


@dataclass(frozen=True)
class ReproductionStudies:
    """Datasets and studies of the embedded database, which `client` queries. Caches those it has found."""

    settings: Settings
    database: Database
    client: Client
    datasets: dict[str, Dataset] = field(default_factory=dict[str, Dataset])
    found: dict[str, StudyMaterial] = field(default_factory=dict[str, StudyMaterial])

    def dataset(self, name: str) -> Dataset:
        """A dataset by its registered name; those of a scale are made and registered. Raises the errors of loading."""
        if name not in self.datasets:
            self.datasets[name] = self._dataset(name)
        return self.datasets[name]

    def find(self, setting: Setting) -> StudyMaterial | None:
        """The study of a setting; None if trials are missing. Raises FingerprintMismatch for one of another dataset."""
        if setting.dataset not in self.found and not self.missing(setting):
            self.found[setting.dataset] = self._read(setting)
        return self.found.get(setting.dataset)

    def of(self, setting: Setting) -> StudyMaterial:
        """The study of a setting, which must have been found or made."""
        return self.found[setting.dataset]

    def missing(self, setting: Setting) -> int:
        """The number of trials that the study lacks, including trials on all samples."""
        spec = setting.study
        if setting.dataset in self.found or spec.existing is not None:
            return 0
        self.dataset(setting.dataset)  # registers it
        plan = self.client.plan(setting.dataset, spec.recipe, trials=spec.trials, full_trials=spec.full_trials)
        return plan.new_trials

    def make(self, setting: Setting, *, follow: Follow, on_note: OnNote) -> None:
        """Train the trials that a setting's study lacks, in this process. Raises JobFailed."""
        if self.find(setting) is not None:
            return
        spec = setting.study
        name = f"reproduce-{setting.dataset}" if setting.dataset in MINIATURES else None
        job = self.client.submit(
            setting.dataset, spec.recipe, trials=spec.trials, full_trials=spec.full_trials, study_name=name
        )
        run_job(self.database, self.client, self.settings, job, follow=follow, on_note=on_note)
        if self.find(setting) is None:
            raise InvalidInput(f"The study of {setting.dataset} still has too few trials; run the command again.")

    def _read(self, setting: Setting) -> StudyMaterial:
        spec, dataset = setting.study, self.dataset(setting.dataset)
        name = spec.existing or study_id(dataset.fingerprint, spec.recipe, Design())
        table = self.client.table(name)
        table.require_dataset(dataset.fingerprint, setting.dataset)
        sets = self.client.sets(name)
        return StudyMaterial(self.client.study(name), dataset, table, self.client.pairs_table(name), sets)

    def _dataset(self, name: str) -> Dataset:
        if name in MINIATURES:
            record = register(self.database, self.settings, name, MINIATURES[name].of(self._fashion_mnist()))
            return open_dataset(self.settings.home, record.fingerprint)
        try:
            return self._registered(name)
        except NotFound:
            if name != TINY_50:
                raise
        options = SourceOptions(classes=50, downloads=self.settings.home / "downloads", track=tracked)
        with _advice("tiny_imagenet --classes 50"):
            record = register(self.database, self.settings, name, load_source("tiny_imagenet", options))
        return open_dataset(self.settings.home, record.fingerprint)

    def _fashion_mnist(self) -> Dataset:
        """Fashion-MNIST from Debian's package, as registered, or downloaded."""
        if DEBIAN.is_dir():
            return load_source("fashion_mnist", SourceOptions(root=DEBIAN))
        return self._registered("fashion_mnist")

    def _registered(self, name: str) -> Dataset:
        with _advice(name):
            record = ensure_registered(self.database, self.settings, name)
        return open_dataset(self.settings.home, record.fingerprint)


@contextmanager
def _advice(source: str) -> Generator[None]:
    """Add the command that registers the dataset to an InvalidDataset error."""
    try:
        yield
    except InvalidDataset as error:
        raise InvalidDataset(f"{error} The command is: memscore datasets add {source} --root FOLDER") from error
