"""The card of a study in notebooks: what was measured, the main numbers with their uncertainty, and warnings."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from memscore.errors import NoScoresYet
from memscore.messages.scores import Estimate
from memscore.messages.studies import StudyMessage
from memscore.notebook.samples import Samples
from memscore.scores.html import warned
from memscore.scores.label_errors import LabelErrors, label_errors
from memscore.scores.risk import privacy_of
from memscore.scores.sets import limits
from memscore.scores.tables import ATYPICAL, PairsTable, ScoreTable
from memscore.statistics.findings import LEVEL

if TYPE_CHECKING:
    from memscore.notebook.studies import Study


def card(study: Study) -> str:
    """The study as HTML without scripts; every text is escaped."""
    message = study.message
    rows = [("dataset", _dataset(message, study.samples))]
    try:
        scores, pairs = study.scores(), study.pairs()
    except NoScoresYet:
        rows.append(("trials", "none finished yet"))
        return _rendered(message.name, rows)
    rows += [("trials", f"{scores.trials:,}"), *_accuracies(message), *findings(scores, pairs)]
    notes = () if study.samples.dataset is None else study.samples.dataset.notes
    return _rendered(message.name, rows, scores.warnings, notes)


def findings(scores: ScoreTable, pairs: PairsTable) -> list[tuple[str, str]]:
    """The main findings with their uncertainty, each with its name."""
    rows: list[tuple[str, str]] = []
    defined = np.isfinite(scores["mem"])
    if defined.any():
        rows.append(("mean mem", f"{scores['mem'][defined].mean():.3f}{_spread(scores)}"))
        rows.append((f"memorized (mem above {ATYPICAL:g})", _memorized(scores)))
    errors = label_errors(scores)
    if errors.suspected is not None:
        rows.append(("labels that look wrong", _suspected(errors)))
    q = pairs["q_weighted"] if pairs.weighted else pairs["q_value"]
    if scores.test_samples:
        rows.append(("influences on test samples", f"{int((q <= np.float32(LEVEL)).sum()):,} pairs at {LEVEL:.0%} FDR"))
    privacy = privacy_of(scores)
    if privacy is not None:
        rows.append(("recognized by an attacker at 0.1 % false alarms", _share(privacy.tpr_at_0_001)))
    return rows


def _dataset(message: StudyMessage, samples: Samples) -> str:
    found = samples.dataset
    if found is None:
        return message.dataset
    test = f", {len(found.y_test):,} for testing" if len(found.y_test) else ", no test part"
    return f"{message.dataset}: {len(found.y_train):,} training samples{test}, {found.classes:,} classes"


def _accuracies(message: StudyMessage) -> list[tuple[str, str]]:
    table = message.table
    if table is None or table.in_sample_accuracy is None or table.held_out_accuracy is None:
        return []
    return [("accuracy in-sample, held-out", f"{table.in_sample_accuracy:.1%}, {table.held_out_accuracy:.1%}")]


def _spread(scores: ScoreTable) -> str:
    """How reliable single scores are."""
    found: dict[str, Any] = scores.meta.get("checks", {})
    reliability = found.get("split_half_reliability")
    error = scores["se"][np.isfinite(scores["se"])]
    typical = f", standard error of one sample {np.sqrt(np.square(error).mean()):.3f}" if len(error) else ""
    return typical if reliability is None else f"{typical}, reliability {reliability:.2f}"


def _memorized(scores: ScoreTable) -> str:
    count, found = int(scores.atypical().sum()), limits(scores)
    text = f"{count:,} of {len(scores):,}"
    if found is None:
        return text
    low, high, by = found
    surely, perhaps = (int((limit > np.float32(ATYPICAL)).sum()) for limit in (low, high))
    return f"{text}; by the 95 % intervals{by} {surely:,} surely and {perhaps:,} possibly"


def _suspected(errors: LabelErrors) -> str:
    text = f"{errors.suspected:,}"
    if errors.precision is not None:
        text = f"{text}, {errors.precision:.0%} of them expected to be"
    return text if errors.expected is None else f"{text}; about {errors.expected:,.0f} wrong labels expected in all"


def _share(one: Estimate) -> str:
    return f"{one.value:.1%} (95 % interval {one.low:.1%} to {one.high:.1%})"


def _rendered(name: str, rows: list[tuple[str, str]], warnings: Iterable[str] = (), notes: Iterable[str] = ()) -> str:
    said = "".join(f"<p>{escape(note)}</p>" for note in notes)
    body = "".join(
        f'<tr><th style="text-align:left">{escape(what)}</th><td style="text-align:left">{escape(value)}</td></tr>'
        for what, value in rows
    )
    return f"<div><p><b>Study {escape(name)}</b></p><table><tbody>{body}</tbody></table>{warned(warnings)}{said}</div>"
