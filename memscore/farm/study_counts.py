"""Keeps the counts of a driver's study in memory, and rebuilds its tables from them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np

from memscore.counted import counted
from memscore.datasets.dataset import Dataset
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.statistics.counts import Counts
from memscore.statistics.influence import Matmul
from memscore.statistics.margin_estimates import MarginModel
from memscore.statistics.pair_power import TARGET, PairForecast, pairs_of_classes
from memscore.statistics.precision import Trials, forecast_trials, share_precise, share_settled
from memscore.statistics.similarity import Similarity
from memscore.store import Database, evidence, tables
from memscore.store.rebuilding import (
    all_pairs,
    count_study,
    count_trials,
    design_of,
    rebuild_tables,
    similarity_of,
    stored_trials,
)
from memscore.store.studies import StudyRecord
from memscore.study.evidence import Trial
from memscore.study.spec import Wanted

log = logging.getLogger(__name__)

REBUILD_SHARE = 0.02  # at most this fraction of the time is spent on rebuilding tables while trials arrive
REBUILD_SECONDS = 2.0  # least time between two rebuilds


class Scoring:
    """The counts and tables of one study, for a job with a target."""

    def __init__(
        self, database: Database, study: StudyRecord, dataset: Dataset, wanted: Wanted, tick: Callable[[], None]
    ) -> None:
        self.database = database
        self.study = study
        self.wanted = wanted
        self.tick = tick
        self.design = design_of(study)
        self.most = wanted.target.whole_blocks
        self.rebuilt_at = float("-inf")
        self.rebuild_cost = 0.0
        self.made: tuple[str | None, str | None] = (None, None)  # tables of this attempt, which a rebuild replaces
        self.counted = False  # whether the stored evidence is counted
        self.counts = Counts.empty(np.asarray(dataset.y_train), np.asarray(dataset.y_test), self.design)
        self.dataset = dataset
        self.similarity: Similarity | None = None  # computed at the first rebuild
        self.sketched: list[int] = []  # the full trials whose sketches it rests on
        self.expected = self.most

    def recount(self) -> None:
        """Count all stored evidence from the start. Raises Damaged if a trial does not match its digest."""
        with self.database.reading() as connection:
            self.counts = count_study(
                connection, self.study, self.counts.train_labels, self.counts.test_labels, self.tick
            )
        self.counted = True
        self.expected = self._forecast()

    def add(self, finished: list[Trial]) -> None:
        """Count trials that were just stored."""
        count_trials(self.counts, finished, self.design)

    @property
    def rebuild_due(self) -> bool:
        """Whether the tables are old enough to be rebuilt."""
        return time.monotonic() - self.rebuilt_at >= max(REBUILD_SECONDS, self.rebuild_cost / REBUILD_SHARE)

    def reached(self) -> bool:
        """Whether the evidence has reached the job's precision."""
        target, statistics = self.wanted.target, self._judged()
        if not statistics.trials:
            return False
        if target.standard_error is not None:
            return share_precise(statistics, target.standard_error) >= target.share
        if target.pairs_found is not None:
            return self._pairs_found() >= target.pairs_found
        assert target.settled_at is not None
        return share_settled(statistics, target.settled_at) >= target.share

    def rebuild(self) -> None:
        """Rebuild both tables from the counts, unless the stored ones rest on the same evidence."""
        started = time.monotonic()
        with self.database.reading() as connection:
            stored = stored_trials(connection, self.study.id)
        if stored != (self.counts.trials, self.counts.full_trials):
            self.recount()  # others have stored evidence of this study in the meantime
        built = rebuild_tables(self.database, self.study, self.counts, self._similarity, self.made, self.tick)
        if built is None:
            return
        scores, pairs = built
        self.made = (scores.digest, pairs.digest)
        self.expected = self._forecast()
        self.rebuilt_at = time.monotonic()
        self.rebuild_cost = self.rebuilt_at - started
        log.info("tables rebuilt from %d trials in %.2f s", scores.trials, self.rebuild_cost)

    def _similarity(self) -> Similarity:
        """The similarity by all sketches that are stored: computed once, and again if full trials have added some."""
        with self.database.reading() as connection:
            sketched = evidence.sketched(connection, self.study.id)
            if self.similarity is not None and self.sketched == sketched:
                return self.similarity
            sketches = evidence.sketches(connection, self.study.id)
        self.similarity = similarity_of(self.dataset, self.counts, sketches, self.tick)
        self.sketched = sketched
        return self.similarity

    def find_all_pairs(self, matmul: Matmul) -> None:
        """Replace same-class pairs with the pairs across all classes, unless those are already stored."""
        with self.database.reading() as connection:
            meta = tables.current_pairs_meta(connection, self.study.id) or {}
            if (meta.get("scope"), meta.get("trials")) == ("all", self.counts.trials):
                return
            stored = tables.current(connection, self.study.id)
            scores, same_class = stored[0].decode(ScoreTable), stored[1].decode(PairsTable)
            pairs = all_pairs(connection, self.study, scores, same_class, self._ticking(matmul))
        with self.database.writing() as connection:
            tables.add(connection, self.study.id, pairs)

    def outcome(self) -> str:
        """One sentence for the job's history."""
        trials, target = self.counts.trials, self.wanted.target
        if not target.precise:
            return f"{counted(trials, 'trial')} stored"
        statistics, wanted_share = self._judged(), target.share
        if target.pairs_found is not None:
            share, wanted_share = self._pairs_found(), target.pairs_found
            found = f"{share:.1%} of the pairs of infl {TARGET:g} are expected to be found"
        elif target.standard_error is not None:
            share = share_precise(statistics, target.standard_error)
            found = f"{share:.1%} of the samples have a standard error of at most {target.standard_error:g}"
        else:
            assert target.settled_at is not None
            share = share_settled(statistics, target.settled_at)
            found = f"{share:.1%} of the samples are settled at {target.settled_at:g}"
        if target.pairs_found is None:
            found += " by their margins" if isinstance(statistics, MarginModel) else self._by_correctness()
        if share < wanted_share:
            found += f", not {wanted_share:.1%}: reached max_trials"
        return f"{counted(trials, 'trial')} stored; {found}"

    def _by_correctness(self) -> str:
        """Why correctness alone was used, where some trials have recorded margins."""
        margins = self.counts.margins.trials
        return f" by correctness, since only {margins} of the trials recorded margins" if margins else ""

    def _judged(self) -> Trials:
        """What precision is judged by: margins if all trials have recorded them, otherwise correctness."""
        margins = self.counts.margins
        return MarginModel.of(margins) if 0 < margins.trials == self.counts.trials else self.counts.statistics

    def _forecast(self) -> int:
        """The number of trials that the study will have in the end."""
        target = self.wanted.target
        if not target.precise or not self.counts.trials:
            return self.most
        if target.pairs_found is not None:
            if self._pairs_found() >= target.pairs_found:
                return self.counts.trials
            return self._pair_forecast().trials_until(target.pairs_found, most=self.most) or self.most
        needed = forecast_trials(
            self._judged(),
            standard_error=target.standard_error,
            threshold=target.settled_at,
            share=target.share,
            ratio=self.design.subset_ratio,
            most=self.most,
        )
        return needed or self.most

    def _pairs_found(self) -> float:
        """The expected share of the pairs that a target counts; 0 if no pair can be so strong."""
        return self._pair_forecast().share_found(TARGET, self.counts.trials) or 0.0

    def _pair_forecast(self) -> PairForecast:
        labels = self.counts.train_labels.astype(np.int64), self.counts.test_labels.astype(np.int64)
        tested = len(labels[0]) * len(labels[1]) if self.wanted.pairs == "all" else pairs_of_classes(*labels)
        statistics = self.counts.statistics
        return PairForecast(statistics.test_correct, statistics.trials, tested, self.design.subset_ratio)

    def _ticking(self, matmul: Matmul) -> Matmul:
        """The same product, with a report before each call."""

        def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            self.tick()
            return matmul(a, b)

        return product
