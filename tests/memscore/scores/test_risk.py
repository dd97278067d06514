"""Privacy risk in score tables: the order of the samples, and the results on whole models."""

import numpy as np

from memscore.scores.risk import ATTACKER, NO_MARGINS, note_on_risk, privacy_of, riskiest
from memscore.scores.table_builder import Provenance, build_tables
from memscore.scores.tables import ScoreTable
from memscore.statistics.counts import Counts
from tests.made_evidence import labels, made_evidence


def table(*, margins: bool, blocks: int = 6) -> ScoreTable:
    counts = Counts.of(made_evidence(margins=margins, blocks=blocks), labels(40), labels(12))
    return build_tables(counts, Provenance("a" * 16, "b" * 64, {}, {}))[0]


def test_the_riskiest_samples_come_first():
    scores = table(margins=True)
    order = riskiest(scores, 40)
    assert sorted(order) == list(range(40))
    assert (np.diff(scores["risk"][order]) <= 0).all()
    assert list(riskiest(scores, 3)) == list(order[:3])
    assert note_on_risk(scores) == ATTACKER


def test_whole_models_are_told_of():
    scores = table(margins=True)
    privacy = privacy_of(scores)
    assert privacy is not None
    assert privacy.targets == 20
    assert [privacy.auc.value, privacy.auc.low, privacy.auc.high] == scores.meta["privacy"]["auc"]
    assert privacy.tpr_at_0_001.value <= privacy.tpr_at_0_01.value


def test_without_margins_there_is_no_risk():
    scores = table(margins=False)
    assert len(riskiest(scores, 10)) == 0
    assert privacy_of(scores) is None
    assert note_on_risk(scores) == NO_MARGINS
