"""What a driver knows of its study: whether a target is reached, how far it is, and how the job ended."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from memscore.farm.study_counts import Scoring
from memscore.scores import pairs_builder
from memscore.scores.planning import pair_forecast
from memscore.statistics import similarity
from memscore.store import Database, evidence, tables
from memscore.study.evidence import Trial
from memscore.study.spec import Target, Wanted
from tests.conftest import StoredStudy
from tests.made_evidence import with_outputs


def scoring(database: Database, study: StoredStudy, wanted: Wanted, tick: Callable[[], None] = lambda: None) -> Scoring:
    made = Scoring(database, study.record, study.dataset, wanted, tick)
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


def full_trials(study: StoredStudy, first: int, last: int) -> list[Trial]:
    labels = study.dataset.y_train, study.dataset.y_test
    return [with_outputs(replace(one, out_accuracy=None), *labels) for one in study.trials[first:last]]


@pytest.mark.databases("sqlite")
def test_sketches_of_new_full_trials_join_the_similarity(database: Database, stored_study: StoredStudy):
    made = scoring(database, stored_study, Wanted())
    for first, last, sketches in ((0, 2, 2), (2, 5, 5), (5, 7, 5)):
        before = made.similarity
        with database.writing() as connection:
            evidence.add(connection, stored_study.record.id, full_trials(stored_study, first, last))
        made.rebuild()
        assert made.similarity is not None
        assert made.similarity.sketches == sketches
        assert (made.similarity is before) == (last > 5)  # later ones have none that count
        with database.reading() as connection:
            pairs = tables.current_pairs_meta(connection, stored_study.record.id) or {}
        assert pairs.get("sketches", 0) == sketches
    again = scoring(database, stored_study, Wanted())
    again.rebuild()
    assert again.similarity is None  # the tables are up to date


@pytest.mark.databases("sqlite")
def test_a_driver_reports_while_it_compares_samples_and_builds_tables(
    database: Database, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch
):
    """No part of a rebuild that grows with the pairs runs without a tick."""
    at: list[str] = []

    def noted(module: object, name: str) -> None:
        work = getattr(module, name)

        def noting(*arguments: object) -> object:
            at.append(name)
            return work(*arguments)

        monkeypatch.setattr(module, name, noting)

    monkeypatch.setattr(similarity, "PAIRS", 100)  # 5 test samples of a class of 20
    monkeypatch.setattr(pairs_builder, "BLOCK_OF_FINDINGS", 35)  # 5 training samples
    noted(similarity, "pixel_correlation")
    noted(pairs_builder, "infl_of")
    with database.writing() as connection:
        evidence.add(connection, stored_study.record.id, full_trials(stored_study, 0, 5))
    made = scoring(database, stored_study, Wanted(), lambda: at.append("tick"))
    at.clear()
    made.rebuild()
    work = [number for number, name in enumerate(at) if name != "tick"]
    assert {at[number] for number in work} == {"pixel_correlation", "infl_of"}
    assert len(work) > 12
    assert all(at[number - 1] == "tick" for number in work)
