"""Why a sample has its score, as notebooks show it: with pictures, names and classes of all samples concerned."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from pydantic import PrivateAttr

from memscore.datasets.columns import Split
from memscore.messages.pairs import Explanation, InfluencedTest
from memscore.notebook.samples import Samples
from memscore.scores.html import Html, table_of

OTHERS = 3
"""Samples shown of those that influence the same test sample."""


class NamedExplanation(Explanation):
    """An explanation that shows its samples by name, class and picture."""

    _samples: Samples = PrivateAttr(default=Samples(None))

    @classmethod
    def of(cls, found: Explanation, samples: Samples) -> NamedExplanation:
        """The explanation with the samples of its dataset."""
        made = cls(**dict(found))
        made._samples = samples
        return made

    def __repr__(self) -> str:
        return f"<Explanation of train {self.score.index}: {self.sentence}>"

    def _repr_html_(self) -> str:
        """The sample and the sentence, then the test samples that it influences, and its rivals."""
        samples, index = self._samples, self.score.index
        of = self.class_name or samples.class_name(self.score.label)
        title = f"{samples.name('train', index)}, class {of}"
        head = f"<p><b>{escape(title)}</b></p><p>{samples.show('train', index)}</p><p>{escape(self.sentence)}</p>"
        return f"<div>{head}{self._influences_html()}{self._rivals_html()}</div>"

    def _influences_html(self) -> str:
        found = self.influences
        if not found:
            return _paragraph(f"It influences no test sample by {self.floor:g} or more.")
        tests = [one.test_index for one in found]
        columns: dict[str, Sequence[Any]] = self._described("test", tests) | {
            "infl": [one.infl for one in found],
            "standard error": [one.se for one in found],
            "q-value": [_q(one) for one in found],
            "also influenced by": [self._others(one) for one in found],
        }
        return table_of(columns, title=self._title())

    def _title(self) -> str:
        if self.holding is None:
            return "Test samples that it influences, the strongest first"
        return f"Test samples that it influences: {self.holding} of {self.influenced} hold, which come first"

    def _rivals_html(self) -> str:
        found = self.rivals
        if not found:
            return _paragraph("No other training sample influences the same test samples.")
        columns: dict[str, Sequence[Any]] = self._described("train", [one.index for one in found]) | {
            "class": [self._samples.class_name(one.label) for one in found],
            "test samples shared": [one.shared for one in found],
            "overlap of infl": [one.overlap for one in found],
            "mem": [one.mem for one in found],
        }
        return table_of(columns, title="Training samples that influence the same test samples, the nearest first")

    def _described(self, split: Split, indices: Sequence[int]) -> dict[str, Sequence[Any]]:
        """Pictures or texts of samples, their names, and of test samples the classes too."""
        samples, dataset = self._samples, self._samples.dataset
        columns: dict[str, Sequence[Any]] = {"sample": samples.shows(split, indices)}
        columns["name"] = samples.names(split, indices)
        if dataset is not None and split == "test":
            columns["class"] = samples.class_names(dataset.y_test[np.array(indices, np.int64)])
        return columns

    def _others(self, test: InfluencedTest) -> Html:
        """The training samples that influence a test sample most, besides the explained one."""
        shown = (
            f"{self._samples.show('train', one.train_index)} {escape(self._samples.name('train', one.train_index))} "
            f"{one.infl:.2f}"
            for one in test.others[:OTHERS]
        )
        return Html("".join(f"<div>{one}</div>" for one in shown) or "–")


def _q(one: InfluencedTest) -> str:
    q = one.q_value if one.q_weighted is None else one.q_weighted
    return "–" if q is None else f"{q:.2g}"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"
