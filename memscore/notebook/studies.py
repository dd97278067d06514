"""A study in this process: its scores and findings, with displays and plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from memscore.arguments import require_at_least_one, typed
from memscore.client import Client
from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput, NotFound
from memscore.files import write_file
from memscore.messages.reviews import Review, Reviews, Verdict
from memscore.messages.scores import Histogram
from memscore.messages.studies import StudyMessage
from memscore.naming import label_of, require_clear
from memscore.notebook import running
from memscore.notebook.application import Application, application, exists
from memscore.notebook.arguments import in_python
from memscore.notebook.card import card
from memscore.notebook.corrections import Corrections, changes_of, corrected_file, corrected_frame
from memscore.notebook.data import Given, options_of
from memscore.notebook.explanation import NamedExplanation
from memscore.notebook.listings import Listing, NamedPairs, NamedScores, NamedSets, Suspects
from memscore.notebook.plots import Plots
from memscore.notebook.samples import Samples
from memscore.scores.comparison import TableComparison, compare
from memscore.scores.duplicates import ALIKE, LEAST_ALIKE, LIMITS, near_duplicates
from memscore.scores.label_errors import PRECISION, label_errors
from memscore.scores.quality import quality
from memscore.scores.risk import note_on_risk, riskiest
from memscore.scores.sets import Thresholds
from memscore.scores.suspects import note_on
from memscore.scores.tables import ScoreTable
from memscore.study.spec import Target
from memscore.workflows.datasets import dataset_of_study
from memscore.workflows.estimation import EstimationRequest

RANKED = 20
"""Suspects listed where trials recorded no predictions, so that there is no cut-off."""


class Study:
    """A study in the home folder: `memscore.Study.open(name)`, or what `memscore.estimate` returns.

    Every method reads the current scores, also those that another process has added. `client` has all other calls.
    """

    @in_python
    def __init__(self, study: str, home: Path | str | None = None) -> None:
        self._home = home
        message = self._application.client.study(study)
        self.id = message.id
        """The 16 hexadecimal digits that dataset, recipe and design determine."""
        self.name = message.name
        """The name, which is unique in the home folder."""

    @classmethod
    def open(cls, name: str, home: Path | str | None = None) -> Study:
        """The study with this name or id, in `home` or the settings' home folder. Raises NotFound, or StoreError."""
        return cls(name, home)

    @property
    def _application(self) -> Application:
        return application(self._home)

    @property
    def client(self) -> Client:
        """A client of the application in this process: `study.client.iter_pairs(study.id, harmful=True)`."""
        return self._application.client

    @property
    def message(self) -> StudyMessage:
        """The study as the service describes it: dataset, recipe, design, trials, accuracies and warnings."""
        return self.client.study(self.id)

    @property
    def trials(self) -> int:
        """The number of trials behind the current scores, 0 before the first block has finished."""
        table = self.message.table
        return 0 if table is None else table.trials

    @cached_property
    def dataset(self) -> Dataset:
        """The study's dataset, memory-mapped. Raises NotFound if its arrays are not in the home folder."""
        return dataset_of_study(self.client, self._application.settings, self.message)

    @cached_property
    def samples(self) -> Samples:
        """Names, classes and pictures of the samples; by number alone if the dataset is not in the home folder."""
        try:
            return Samples(self.dataset)
        except NotFound:
            return Samples(None)

    @property
    def _unnamed(self) -> tuple[str, ...]:
        """The column of names, which notebooks hide if they only repeat the index."""
        return () if self.samples.named else ("name",)

    @property
    def plot(self) -> Plots:
        """Plots as matplotlib axes: `study.plot.histogram()`, `gallery()`, `pairs()`, `reliability()`."""
        return Plots(self)

    def scores(self) -> NamedScores:
        """The score table: mem of each training sample with its error and interval, and much more. Raises NoScoresYet.

        `scores["mem"]` is a column in the dataset's order, `scores[17]` a sample.
        """
        table = self.client.table(self.id)
        return NamedScores(table.columns, table.meta, samples=self.samples)

    def pairs(self) -> NamedPairs:
        """The pairs of a training sample and a test sample that it influences, strongest first. Raises NoScoresYet."""
        table = self.client.pairs_table(self.id)
        return NamedPairs(table.columns, table.meta, samples=self.samples)

    @in_python
    def sets(self, thresholds: Thresholds = Thresholds()) -> NamedSets:
        """The typical and atypical training and test samples: masks, counts, names, and a frame of all of them.

        Raises InvalidInput for bad thresholds.
        """
        return NamedSets.of(self.client.sets(self.id, thresholds), self.samples)

    @in_python
    def suspects(self, count: int | None = None, *, precision: float = PRECISION) -> Suspects:
        """The samples whose labels are most likely wrong, likeliest first.

        `count` of them, or else those that look mislabelled: the largest group of which a share of `precision` should
        be. Raises NoScoresYet.
        """
        require_at_least_one("count", count)
        if not 0.5 <= precision <= 1:
            raise InvalidInput(f"precision must be between 0.5 and 1, not {precision:g}.")
        table = self.scores()
        errors = label_errors(table, precision)
        suspected = errors.suspected or 0
        wanted = RANKED if errors.suspected is None else suspected
        order = errors.order[: wanted if count is None else count]
        votes = table["vote_label"][order]
        labels = table["label"][order]
        columns = {
            "index": order.astype(np.int64),
            "name": _texts(self.samples.names("train", order)),
            "class": _texts(self.samples.class_names(labels)),
            "label": labels.astype(np.int64),
            "suggested": _texts(self.samples.class_names(votes)),
            "suggested_label": votes.astype(np.int64),
            "share": table["vote_share"][order].astype(np.float64),
            "label_error": errors.label_error[order],
            "suspected": np.arange(len(order)) < suspected,
            **{name: table[name][order].astype(np.float64) for name in ("mem", "mem_low", "mem_high")},
        }
        return Suspects(
            "Suspected labels",
            columns,
            note_on(errors),
            tuple(table.warnings),
            self.samples,
            {"sample": ("index", "train")},
            (*self._unnamed, *(("label", "suggested_label") if self.samples.dataset else ()), "mem_low", "mem_high"),
        )

    @in_python
    def risk(self, count: int = 100) -> Listing:
        """The training samples at the highest privacy risk; `client.risk` also tells what an attack achieves.

        Columns: index, name, class, risk (the chance that an attacker of 0.1 % false alarms recognizes the sample),
        se_risk, mem. Empty where no trial recorded margins. Raises NoScoresYet.
        """
        require_at_least_one("count", count)
        table = self.scores()
        order = riskiest(table, count)
        columns = {
            "index": order.astype(np.int64),
            "name": _texts(self.samples.names("train", order)),
            "class": _texts(self.samples.class_names(table["label"][order])),
            **{name: table[name][order].astype(np.float64) for name in ("risk", "se_risk", "mem")},
        }
        return Listing(
            "Samples at risk",
            columns,
            note_on_risk(table),
            tuple(table.warnings),
            self.samples,
            {"sample": ("index", "train")},
            self._unnamed,
        )

    @in_python
    def duplicates(self, *, alike: float = ALIKE) -> Listing:
        """Copies and near-copies of training samples, within training and in the test part.

        Columns: index and name of the training sample, its class, split, other and other_name of the copy, its
        other_class, kind, correlation, mem, infl. `alike`, 0.9 to 1, is the least correlation of a near-copy. Raises
        NotFound if the dataset is not in the home folder.
        """
        if not LEAST_ALIKE <= alike <= 1:
            raise InvalidInput(f"alike must be from {LEAST_ALIKE:g} to 1, not {alike:g}.")
        dataset = self.dataset
        found = near_duplicates(
            dataset.x_train,
            dataset.y_train,
            dataset.x_test,
            dataset.y_test,
            scores=self.scores(),
            pairs=self.pairs(),
            alike=alike,
            without=(dataset.forgotten.train, dataset.forgotten.test),
        )
        columns = {
            "index": np.array([one.index for one in found], np.int64),
            "name": _texts([self.samples.name("train", one.index) for one in found]),
            "class": _texts([self.samples.class_name(one.label) for one in found]),
            "split": _texts([one.split for one in found]),
            "other": np.array([one.other for one in found], np.int64),
            "other_name": _texts([self.samples.name(one.split, one.other) for one in found]),
            "other_class": _texts([self.samples.class_name(one.other_label) for one in found]),
            "kind": _texts([one.kind for one in found]),
            **{name: np.array([asdict(one)[name] for one in found]) for name in ("correlation", "mem", "infl")},
        }
        return Listing(
            "Copies",
            columns,
            LIMITS,
            (),
            self.samples,
            {"sample": ("index", "train"), "copy": ("other", "split")},
            (*self._unnamed, *(("other_name",) if self._unnamed else ())),
        )

    def quality(self) -> Listing:
        """How far the scores can be trusted: each check, its verdict and what to do. Raises NoScoresYet."""
        checks = quality(self.scores(), self.message.design)
        names = ("name", "verdict", "value", "meaning", "advice")
        columns = {
            "check" if name == "name" else name: _texts([getattr(one, name) for one in checks]) for name in names
        }
        return Listing("Quality of the scores", columns, warnings=tuple(self.scores().warnings), hidden=("meaning",))

    @in_python
    def explain(self, index: int | np.integer[Any], *, limit: int = 10) -> NamedExplanation:
        """Why a training sample has its score: `explain(17).sentence`, its influences and rivals.

        At most `limit`, 1 to 100, of each. Raises NotFound, or NoScoresYet.
        """
        return NamedExplanation.of(self.client.explain(self.id, int(index), limit=limit), self.samples)

    @in_python
    def histogram(self, *, bins: int = 20, column: str = "mem", label: int | str | None = None) -> Histogram:
        """The distribution of mem, se, p_in or p_out over all training samples, or those of a class, by name or number.

        Raises InvalidInput for an unknown column or class.
        """
        if label is not None:
            label = self._class(label)
        return self.client.histogram(self.id, bins=bins, column=column, label=label)

    @in_python
    def compare(self, other: Study | ScoreTable | str, *, threshold: float = Thresholds.atypical) -> TableComparison:
        """How well these scores agree with those of another study, a table, or a study's name.

        Studies of different datasets are compared on the training samples that both have. Raises FingerprintMismatch if
        these are too few, or for a table of another dataset.
        """
        if isinstance(other, str):
            other = Study(other, self._home)
        if isinstance(other, Study) and other.message.fingerprint != self.message.fingerprint:
            found = self.client.compare(self.id, other.id, threshold=threshold)
            return TableComparison(**found.agreement.model_dump())
        return compare(self.scores(), other.scores() if isinstance(other, Study) else other, threshold)

    @in_python
    def report(self, path: Path | str = "report.html") -> Path:
        """Write the study as one self-contained HTML page, and return its path; missing folders are made.

        Raises NotFound if the dataset is not in the home folder, InvalidInput if the file cannot be written.
        """
        from memscore.workflows.report import page_of

        path = Path(path).expanduser()
        write_file(path, page_of(self.client, self._application.settings, self.id).encode())
        return path

    @in_python
    def more(self, trials: int = 100, *, progress: bool = True) -> Study:
        """Train `trials` more trials, and return this study with the better scores.

        Interrupting it keeps the trials that are stored. Raises InvalidInput for imported scores, and JobFailed.
        """
        message = self.message
        if message.recipe is None or message.design is None:
            raise InvalidInput(
                f"The scores of {self.name} were imported: there is no recipe to train more trials with."
            )
        if trials < 1:
            raise InvalidInput(f"trials must be at least 1, not {trials}.")
        target = Target(trials=message.trials + trials)
        request = EstimationRequest(message.dataset, message.recipe, target, message.design, self.name)
        running.estimated(self._application, request, progress=progress)
        return self

    @in_python
    @typed
    def review(
        self, index: int, verdict: Verdict | None, *, label: int | str | None = None, reviewer: str | None = None
    ) -> Review:
        """Keep what you say of a training sample's label: wrong ("error"), right ("fine") or unclear ("unsure").

        label: with "error", the right class, by name or number; None if no class is right. None as the verdict takes it
        back. The dashboard, `memscore review` and `reviews()` show it. Raises NotFound, or InvalidInput for a label
        that is no class or the one that the sample has.
        """
        if label is not None:
            label = self._class(label)
        return self.client.review(self.id, index, verdict, label=label, reviewer=reviewer)

    def _class(self, given: int | str) -> int:
        """The number of a class that is given by name, or by number where that is clear. Raises InvalidInput."""
        names = self.client.dataset(self.message.dataset).class_names
        require_clear(names, given)
        return label_of(names, given)

    def reviews(self) -> Reviews:
        """What people say of the training samples' labels, which `corrected` takes."""
        return self.client.reviews(self.id)

    @in_python
    def corrected(
        self,
        suspects: Corrections,
        path: Path | str,
        *,
        drop: bool = False,
        like: str | None = None,
        labels: str | None = None,
        roles: Mapping[str, str] | None = None,
        test_share: float | None = None,
        resize: int | None = None,
    ) -> Path:
        """Write the dataset with other labels to `path`, in the layout of its suffix, and return the path.

        `suspects` are relabelled as suggested, or left out with `drop`. Reviews do what all reviewers of a sample agree
        on. Or give the new label of each training sample, a class name or number, and None for those to leave out.
        .npz, .csv, .parquet or a folder of class folders, as `memscore datasets add` reads them.

        like: instead, write the source again that the dataset was made of, such as "csv:FILE" or "folder:DIR", with its
        own columns and files; labels, roles, test_share and resize are then as `memscore.estimate` got them. Raises
        InvalidInput for an unknown sample, class or layout, if the path exists, or if the source makes another dataset.
        """
        options = options_of(Given(labels, test_share=test_share, roles=roles, resize=resize))
        if like is None and (labels, roles, test_share, resize) != (None,) * 4:
            raise InvalidInput("labels, roles, test_share and resize say how like is read; give it, or leave them out.")
        dataset = self.dataset
        changes = changes_of(suspects, dataset.class_names, drop=drop)
        return corrected_file(dataset, changes, Path(path).expanduser(), like, options)

    @in_python
    def corrected_frame(
        self,
        suspects: Corrections,
        frame: Any,
        labels: str | None = None,
        *,
        drop: bool = False,
        roles: Mapping[str, str] | None = None,
        test_share: float | None = None,
        seed: int = 0,
    ) -> Any:
        """The pandas DataFrame that the dataset was made of, with other labels, as `corrected` changes them.

        frame: or the pair of frames for training and testing; the result is then a pair too. labels, roles, test_share
        and seed as `memscore.estimate` got them. Rows keep their index; a column that says the same as the labels
        changes with them. Raises InvalidInput if the frame makes another dataset.
        """
        dataset = self.dataset
        options = options_of(Given(labels, test_share=test_share, roles=roles))
        return corrected_frame(dataset, changes_of(suspects, dataset.class_names, drop=drop), frame, options, seed)

    def __repr__(self) -> str:
        return f"<memscore.Study {self.name}: {self.trials:,} trials>"

    def _repr_html_(self) -> str:
        """One card: the main numbers with their uncertainty, and warnings."""
        return card(self)


@in_python
def studies(home: Path | str | None = None) -> list[Study]:
    """The studies in `home` or the settings' home folder, oldest first. Raises StoreError."""
    if home is None and not exists():
        return []
    return [Study(one.id, home) for one in application(home).client.studies().studies]


def _texts(texts: list[str]) -> np.ndarray[Any, np.dtype[np.str_]]:
    return np.array(texts, np.str_)
