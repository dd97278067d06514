"""Content of the report, and its rendering by the template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

import memscore
from memscore.datasets.dataset import Dataset
from memscore.messages.studies import StudyMessage
from memscore.report import charts, provenance, summary
from memscore.report.cards import Album
from memscore.report.citation import bibtex
from memscore.report.figures import svg, wide_and_narrow
from memscore.report.four_sets import four_sets
from memscore.report.gallery import gallery
from memscore.report.influences import influences
from memscore.report.provenance import Making
from memscore.report.suspected import suspected
from memscore.scores.findings import finding, percent
from memscore.scores.quality import calibration, differences, quality
from memscore.scores.risk import ATTACKER, privacy_of
from memscore.scores.sets import Thresholds, limits, split
from memscore.scores.tables import NO_TEST_PART, PairsTable, ScoreTable


@dataclass(frozen=True)
class MethodComparison:
    """Accuracies of several methods on the same groups of samples: (clean, adversarial) shares, or None."""

    groups: list[str]
    counts: list[int]
    methods: dict[str, list[tuple[float | None, float | None]]]
    note: str


@dataclass(frozen=True)
class Report:
    """A study's report. `html` raises FingerprintMismatch if the scores belong to a different dataset."""

    study: StudyMessage
    scores: ScoreTable
    pairs: PairsTable
    dataset: Dataset
    comparison: MethodComparison | None = None
    making: Making | None = None

    def html(self) -> str:
        """The complete page, which loads no external resources and runs no scripts."""
        study, scores, pairs, dataset = self.study, self.scores, self.pairs, self.dataset
        scores.require_dataset(dataset.fingerprint, study.dataset)
        album = Album(dataset, scores)
        classes, suspects, found = gallery(album), suspected(album), influences(album, pairs)
        sets, privacy = split(scores, pairs), privacy_of(scores)
        template = _environment().get_template("report.html.j2")
        return template.render(
            study=study,
            scores=scores,
            version=memscore.__version__,
            thresholds=Thresholds(),
            image="image" if dataset.kind == "images" else "sample",
            images="images" if dataset.kind == "images" else "samples",
            no_test_part=NO_TEST_PART,
            measured=summary.measured(study, scores, dataset),
            finding=finding(scores, summary.noun(dataset.kind)),
            points=[
                *summary.points(classes, suspects, found, privacy, dataset.kind),
                *summary.forecast(scores, study.design),
            ],
            checks=quality(scores, study.design),
            charts=self._charts(),
            gallery=classes,
            suspected=suspects,
            influences=found,
            sets=four_sets(album, sets),
            by=(limits(scores) or ("", "", ""))[2],
            notes_on_sets=sets.notes,
            privacy=privacy,
            attacker=ATTACKER,
            comparison=self.comparison,
            facts=provenance.facts(study, scores, pairs, dataset, self.making),
            commands=provenance.commands(study, scores, pairs, dataset),
            bibtex=bibtex(study.name, scores.digest),
        )

    def _charts(self) -> dict[str, Any]:
        """The charts by name, without those that lack data."""
        scores, found = self.scores, {}
        mem, even, odd = scores["mem"], scores["mem_even"], scores["mem_odd"]
        if (defined := mem[np.isfinite(mem)]).size:
            held_out = int(np.median(scores["n_out"]))
            found["histogram"] = wide_and_narrow(
                lambda width: charts.histogram(defined, Thresholds(), held_out, width), "histogram"
            )
        if (both := np.isfinite(even) & np.isfinite(odd)).any():
            found["agreement"] = svg(charts.agreement(even[both], odd[both]), "agreement")
        if len((compared := differences(scores)).predicted):
            found["calibration"] = svg(charts.calibration(calibration(compared)), "calibration")
        if (one := self.comparison) is not None:
            found["comparison"] = wide_and_narrow(
                lambda width: charts.comparison(one.groups, one.methods, width), "comparison"
            )
        return found


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("memscore.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    environment.filters["count"] = "{:,}".format
    environment.filters["fixed"] = lambda value: f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # + 0.0: no -0.00
    environment.filters["q_value"] = lambda value: f"{value:.1e}" if value < 0.001 else f"{value:.3f}"
    return environment
