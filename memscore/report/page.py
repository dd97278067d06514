"""What the report says, and the template that says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

import memscore
from memscore.datasets.dataset import Dataset
from memscore.messages import StudyMessage
from memscore.report.figures import agreement_chart, comparison_chart, histogram, image_uri
from memscore.sets import Thresholds, split
from memscore.statistics import auroc
from memscore.tables import PairsTable, ScoreTable

GALLERY = 18
PER_CLASS = 2
PAIRS = 12
Q_SHOWN = 0.05  # false-discovery rate of the pairs shown


@dataclass(frozen=True)
class Comparison:
    """Accuracies of several methods on the same groups of samples: (clean, adversarial), shares or None."""

    groups: list[str]
    counts: list[int]
    methods: dict[str, list[tuple[float | None, float | None]]]
    note: str


@dataclass(frozen=True)
class Report:
    """A study's page. Raises FingerprintMismatch on `html` if the scores are not the dataset's."""

    study: StudyMessage
    scores: ScoreTable
    pairs: PairsTable
    dataset: Dataset
    comparison: Comparison | None = None

    def html(self) -> str:
        """The whole page; it loads nothing from elsewhere."""
        self.scores.require_dataset(self.dataset.fingerprint, self.study.dataset)
        environment = Environment(
            loader=PackageLoader("memscore.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        environment.filters["percent"] = lambda share: "–" if share is None else f"{100 * share:.1f}"
        sets = split(self.scores, self.pairs)
        mem = self.scores["mem"]
        flipped = self.dataset.flipped
        return environment.get_template("report.html.j2").render(
            study=self.study,
            scores=self.scores,
            thresholds=Thresholds(),
            counts=sets.counts(),
            histogram=histogram(mem, Thresholds(), int(np.median(self.scores["n_out"]))),
            most=[self._train(index) for index in _by_mem(mem, descending=True)[:GALLERY]],
            least=[self._train(index) for index in self._least()],
            pairs=self._pairs(),
            q_shown=Q_SHOWN,
            flipped=int(flipped.sum()),
            flip_auroc=auroc(mem.astype(np.float64), flipped) if flipped.any() else None,
            checks=self.scores.meta.get("checks", {}),
            agreement=self._agreement(),
            comparison=self.comparison,
            chart=None
            if self.comparison is None
            else comparison_chart(self.comparison.groups, self.comparison.methods),
            version=memscore.__version__,
        )

    @property
    def imported(self) -> bool:
        """Whether the scores came without evidence."""
        return self.study.design is None

    def _agreement(self) -> str | None:
        """mem of one half of the trials against the other; None where a half has no trials."""
        even, odd = self.scores["mem_even"], self.scores["mem_odd"]
        if not (np.isfinite(even) & np.isfinite(odd)).any():
            return None
        return agreement_chart(even, odd, ("mem from the even blocks", "mem from the odd blocks"))

    def _least(self) -> list[int]:
        """Of each class the samples with the smallest mem."""
        order = _by_mem(self.scores["mem"], descending=False)
        labels = self.scores["label"][order]
        return [int(i) for label in range(self.dataset.classes) for i in order[labels == label][:PER_CLASS]]

    def _pairs(self) -> list[dict[str, Any]]:
        """The strongest significant pairs, at most one per test sample; all count where there are no q-values."""
        q_values = self.pairs["q_value"]
        significant = np.flatnonzero((q_values <= Q_SHOWN) | (np.isnan(q_values) & self.imported))
        _, first = np.unique(self.pairs["test_index"][significant], return_index=True)
        return [
            {
                "train": self._train(int(self.pairs["train_index"][row])),
                "test": int(self.pairs["test_index"][row]),
                "test_uri": image_uri(self.dataset.x_test[self.pairs["test_index"][row]]),
                "infl": float(self.pairs["infl"][row]),
                "se": float(self.pairs["se"][row]),
                "q_value": float(self.pairs["q_value"][row]),
            }
            for row in significant[np.sort(first)[:PAIRS]]
        ]

    def _train(self, index: int) -> dict[str, Any]:
        clean = self.dataset.clean_labels
        label = int(self.dataset.y_train[index])
        return {
            "index": int(index),
            "uri": image_uri(self.dataset.x_train[index]),
            "label": self.dataset.class_names[label],
            "was": None if clean is None or clean[index] == label else self.dataset.class_names[int(clean[index])],
            **{name: float(self.scores[name][index]) for name in ("mem", "mem_low", "mem_high")},
        }


def _by_mem(mem: Any, *, descending: bool) -> Any:
    """Indices of samples with a defined mem, by mem and then by index."""
    defined = np.flatnonzero(np.isfinite(mem))
    keys = -mem[defined] if descending else mem[defined]
    return defined[np.argsort(keys, kind="stable")]
