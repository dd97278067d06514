"""Rebuilds tables from stored trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection

from memscore.arrays import Columns, Int64, Labels
from memscore.datasets.dataset import Dataset
from memscore.errors import Conflict
from memscore.scores.table_builder import Provenance, build_tables
from memscore.scores.tables import PAIRS_FLOOR, PairsTable, ScoreTable
from memscore.statistics.counts import Counts
from memscore.statistics.influence import Matmul, PackedEvidence, find_pairs
from memscore.statistics.similarity import Similarity
from memscore.store import evidence, jobs, tables
from memscore.store.database import Database
from memscore.store.studies import StudyRecord
from memscore.study.evidence import Trial, unpack_full, unpack_trials
from memscore.study.sketches import Sketch
from memscore.study.spec import Design, identity

Trials = tuple[int, int]
"""The numbers of trials and of full trials."""


MOST_HARMFUL = 10
"""Harmful pairs that are kept of each test sample."""

MOST_PAIRS = 1 << 30
"""Pairs among which harmful ones are looked for on request: twice those of CIFAR-100."""


def stored_trials(connection: Connection, study: str) -> Trials:
    """The numbers of stored trials of a study."""
    return evidence.count(connection, study), evidence.count(connection, study, full=True)


def trials_of(meta: Mapping[str, Any] | None) -> Trials:
    """The numbers of trials that the table with this metadata rests on; zeros if there is no table."""
    return (0, 0) if meta is None else (meta["trials"], meta.get("full_trials", 0))


def count_study(
    connection: Connection,
    study: StudyRecord,
    train_labels: Labels,
    test_labels: Labels,
    tick: Callable[[], None] = lambda: None,
) -> Counts:
    """The counts of all stored trials of a study; calls `tick` after each chunk.

    Raises Damaged if a trial does not match its digest.
    """
    counts = Counts.empty(train_labels, test_labels, study.design)
    for full in (False, True):
        for chunk in evidence.chunks(connection, study.id, full=full):
            tick()
            count_trials(counts, chunk, design_of(study))
    return counts


def count_trials(counts: Counts, trials: list[Trial], design: Design) -> None:
    """Add trials of a study to its counts, in place."""
    samples, test_samples = len(counts.train_labels), len(counts.test_labels)
    subset_trials = [trial for trial in trials if not trial.full]
    kinds: dict[tuple[bool, bool], list[Trial]] = {}  # probabilities and margins are unpacked if every trial has them
    for trial in subset_trials:
        kinds.setdefault((trial.train_probability is not None, trial.train_margin is not None), []).append(trial)
    for chosen in kinds.values():
        counts.add(unpack_trials(chosen, design, samples, test_samples))
    full_trials = [trial for trial in trials if trial.full]
    if full_trials:
        counts.add_full(unpack_full(full_trials, test_samples))


def all_pairs(
    connection: Connection,
    study: StudyRecord,
    scores: ScoreTable,
    same_class: PairsTable | None = None,
    matmul: Matmul = np.matmul,
) -> PairsTable:
    """The pairs across all classes with infl of at least PAIRS_FLOOR, from stored trials; `matmul` may use a GPU.

    Weighted q-values and posteriors are those of `same_class`, a table of the same trials, and NaN across classes.
    Needs about 1 GiB in addition to the packed evidence; see `memscore.statistics.influence`.
    """
    packed, test_samples = packed_evidence(connection, study, scores), scores.test_samples
    columns = find_pairs(packed, scores["mem"].astype(np.float64), at_least=PAIRS_FLOOR, matmul=matmul)
    if same_class is not None and same_class.weighted and same_class.trials == packed.trials:
        columns |= carried_over(same_class, columns["train_index"], columns["test_index"], test_samples)
    return PairsTable.of(columns, {**scores.meta, "trials": packed.trials, "floor": PAIRS_FLOOR, "scope": "all"})


def harmful_pairs(database: Database, study: StudyRecord, scores: ScoreTable, matmul: Matmul = np.matmul) -> PairsTable:
    """The pairs across all classes in which the training sample harms, from stored trials, the most harmful first.

    infl is at most -PAIRS_FLOOR; of each test sample, only the MOST_HARMFUL most harmful are kept. q-values are those
    of the test for harm over all pairs. Needs memory as `all_pairs` does. Raises Conflict for imported scores, and for
    more pairs than MOST_PAIRS.
    """
    pairs = len(scores) * scores.test_samples
    if pairs > MOST_PAIRS:
        raise Conflict(
            f"{pairs:,} pairs are too many to look for harmful ones on request; at most {MOST_PAIRS:,} are possible. "
            "Use find_pairs of memscore.statistics.influence with harmful=True on the study's evidence."
        )
    with database.reading() as connection:
        packed = packed_evidence(connection, study, scores)
    mem = scores["mem"].astype(np.float64)
    columns = find_pairs(packed, mem, at_least=PAIRS_FLOOR, top=MOST_HARMFUL, harmful=True, matmul=matmul)
    meta = {**scores.meta, "trials": packed.trials, "floor": -PAIRS_FLOOR, "scope": "all", "top": MOST_HARMFUL}
    return PairsTable.of(columns, meta)


def packed_evidence(connection: Connection, study: StudyRecord, scores: ScoreTable) -> PackedEvidence:
    """The memberships and test outcomes of all stored trials, packed to bits. Raises Conflict for imported scores."""
    samples, test_samples, design = len(scores), scores.test_samples, design_of(study)
    parts = [
        PackedEvidence.of(unpack_trials(chunk, design, samples, test_samples))
        for chunk in evidence.chunks(connection, study.id)
    ]
    return PackedEvidence(
        np.concatenate([part.membership for part in parts]),
        np.concatenate([part.test_correct for part in parts]),
        samples,
        test_samples,
    )


def carried_over(pairs: PairsTable, train: Int64, test: Int64, test_samples: int) -> Columns:
    """The columns that `find_pairs` does not compute, from another table, for the pairs [k]; NaN where it has none."""
    wanted = train.astype(np.int64) * test_samples + test
    found = {name: np.full(len(wanted), np.nan, np.float32) for name in PairsTable.added if name in pairs.columns}
    if len(pairs):
        known = pairs["train_index"].astype(np.int64) * test_samples + pairs["test_index"]
        order = np.argsort(known, kind="stable")
        row = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(order) - 1)]
        same = known[row] == wanted
        for name, column in found.items():
            column[same] = pairs[name][row[same]]
    return found


def similarity_of(
    dataset: Dataset, counts: Counts, sketches: Sequence[Sketch] = (), tick: Callable[[], None] = lambda: None
) -> Similarity:
    """The similarity of a dataset's samples, by themselves and the sketches of a study's full trials, for its counts.

    Takes seconds for CIFAR-100, so keep it between rebuilds. Calls `tick` on the way.
    """
    return Similarity.of(counts.groups, dataset.x_train, dataset.x_test, sketches, tick)


def provenance(connection: Connection, study: StudyRecord) -> Provenance:
    """The origin that the tables of a study record."""
    assert study.recipe is not None
    plain = identity(study.recipe, design_of(study))
    networks = max(1, len(evidence.networks(connection, study.id)))
    return Provenance(study.id, study.fingerprint, plain["recipe"], plain["design"], networks)


def rebuild_tables(
    database: Database,
    study: StudyRecord,
    counts: Counts,
    similarity: Callable[[], Similarity],
    replaces: tuple[str | None, str | None] = (None, None),
    tick: Callable[[], None] = lambda: None,
) -> tuple[ScoreTable, PairsTable] | None:
    """Build both tables from counts and store them; None if the current ones rest on the same trials already.

    `similarity` is called only if they are built. `tick` as in `build_tables`.
    """
    with database.reading() as connection:
        meta = tables.current_meta(connection, study.id)
        origin = provenance(connection, study)
    if not counts.trials or trials_of(meta) == (counts.trials, counts.full_trials):
        return None
    scores, pairs = build_tables(counts, origin, similarity(), tick)
    with database.writing() as connection:
        keep_tables(connection, study, scores, pairs, replaces)
    return scores, pairs


def keep_tables(
    connection: Connection,
    study: StudyRecord,
    scores: ScoreTable,
    pairs: PairsTable,
    replaces: tuple[str | None, str | None] = (None, None),
) -> None:
    """Store tables as the current version, and end the jobs that they complete; `replaces` as in `tables.add`."""
    tables.add(connection, study.id, scores, pairs, replaces=replaces)
    jobs.settle(connection, study.id, scores.trials, int(scores.meta["full_trials"]))


def design_of(study: StudyRecord) -> Design:
    """The study's design. Raises Conflict if its scores were imported without evidence."""
    if study.design is None:
        raise Conflict(f"Study {study.name!r} has imported scores and no trials to add to.")
    return study.design
