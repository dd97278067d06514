"""What a driver knows of its study: whether a target is reached, how far it is, and how the job ended."""

import pytest

from memscore.farm.study_counts import Scoring
from memscore.scores.planning import pair_forecast
from memscore.store import Database
from memscore.study.spec import Target, Wanted
from tests.conftest import StoredStudy


def scoring(database: Database, study: StoredStudy, wanted: Wanted) -> Scoring:
    made = Scoring(database, study.record, study.dataset, wanted, lambda: None)
    made.recount()
    return made


@pytest.mark.databases("sqlite")
def test_a_target_of_pairs_ends_when_their_forecast_share_is_reached(database: Database, stored_study: StoredStudy):
    there = pair_forecast(stored_study.scores, scoring(database, stored_study, Wanted()).design, Wanted())
    now = there.share_found(0.2, 40)
    assert now is not None
    assert 0 < now < 0.5
    reached = scoring(database, stored_study, Wanted(target=Target(pairs_found=now / 2)))
    assert reached.reached()
    assert reached.expected == 40
    assert f"{now:.1%} of the pairs of infl 0.2 are expected to be found" in reached.outcome()
    assert "reached max_trials" not in reached.outcome()

    farther = scoring(database, stored_study, Wanted(target=Target(pairs_found=0.5)))
    assert not farther.reached()
    assert farther.expected == there.trials_until(0.5)
    assert 40 < farther.expected < 2000
    assert "not 50.0%: reached max_trials" in farther.outcome()
    out_of_reach = scoring(database, stored_study, Wanted(target=Target(pairs_found=0.5, max_trials=50)))
    assert out_of_reach.expected == 50

    across = scoring(database, stored_study, Wanted(target=Target(pairs_found=0.5), pairs="all"))
    assert across.expected > farther.expected  # more pairs are tested
