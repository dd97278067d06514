"""What can be wrong with one trial, and with one stored table."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection, Table, select

from memscore.arrays import Bools
from memscore.errors import Damaged
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store.findings import UNREADABLE
from memscore.store.schema import pair_tables, score_tables
from memscore.study.bits import digest, pack, unpack
from memscore.study.evidence import Trial

KINDS: dict[Table, type[ScoreTable] | type[PairsTable]] = {score_tables: ScoreTable, pair_tables: PairsTable}

MISMATCH = "does not match its digest"
UNREAD = "cannot be read"
ROTTEN = (MISMATCH, UNREAD)
"""Faults of bytes that are not those that were stored."""

RTOL, ATOL = 1e-4, 1e-6
"""How far numbers may differ that other versions of the libraries have computed."""


def trial_fault(trial: Trial, stored_digest: str, membership: Bools, test_samples: int) -> str | None:
    """What is wrong with a trial that trained on `membership` [n]; None if all it states follows from its bits."""
    samples = len(membership)
    if trial.digest != stored_digest:
        return MISMATCH
    if trial.subset_digest != digest(pack(membership)):
        return "has another subset than its design gives"
    try:
        correct, test_correct = unpack(trial.train_bits, samples), unpack(trial.test_bits, test_samples)
    except Damaged:
        return f"does not have the bits of {samples} training and {test_samples} test samples"
    recorded = trial.train_probability, trial.test_probability
    if recorded != (None, None) and [len(one or b"") for one in recorded] != [samples, test_samples]:
        return f"does not have the probabilities of {samples} training and {test_samples} test samples"
    stated = [trial.in_accuracy, trial.test_accuracy]
    observed = [correct[membership].mean(), test_correct.mean()]
    if trial.out_accuracy is not None:
        stated, observed = [*stated, trial.out_accuracy], [*observed, correct[~membership].mean()]
    if not np.allclose(stated, observed, rtol=0, atol=1e-9):
        return "states other accuracies than its bits give"
    return None if 0 <= trial.seconds < np.inf else "states an impossible time"


def version_fault(connection: Connection, stored: Table, study: str, version: str) -> str | None:
    """What is wrong with a stored table; None if nothing is, or it is not there any more."""
    query = select(stored).where(stored.c.study_id == study, stored.c.digest == version)
    try:
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        table = KINDS[stored].decode(row.payload)
    except UNREADABLE:
        return "cannot be read, or does not match its digest"
    if (table.digest, table.meta["study"]) != (version, study):
        return f"holds the table {table.digest[:12]} of study {table.meta['study']}"
    return None if (table.trials, table.meta) == (row.trials, row.meta) else "states other meta data than its row"


def different_columns(stored: ScoreTable | PairsTable, built: ScoreTable | PairsTable) -> list[str]:
    """The columns in which a table differs from another by more than rounding."""
    if stored.digest == built.digest:
        return []
    different: list[str] = []
    for name, column in stored.columns.items():
        other = built.columns[name]
        if column.shape != other.shape:
            same = False
        elif column.dtype.kind == "f":
            same = np.allclose(column, other, rtol=RTOL, atol=ATOL, equal_nan=True)
        else:
            same = np.array_equal(column, other)
        if not same:
            different.append(name)
    return different
