"""Merges evidence gathered elsewhere into a stored study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from memscore.arrays import Labels
from memscore.errors import Conflict, InvalidInput
from memscore.store import evidence, jobs
from memscore.store.database import one_at_a_time
from memscore.store.schema import full_trials, trials
from memscore.store.studies import StudyRecord
from memscore.study import signatures
from memscore.study.bits import unpack
from memscore.study.evidence import Trial, unpack_predicted


@dataclass(frozen=True)
class Merged:
    """The numbers of trials that were new, already stored, and stored with another result; stored ones are kept."""

    added: int
    present: int
    differing: int


def require_same_network(connection: Connection, study: StudyRecord, brought: Sequence[Trial]) -> None:
    """Raises Conflict if the networks of the brought and stored trials differ."""
    network = "imported" if study.recipe is None else study.recipe.network
    stored = evidence.networks(connection, study.id)
    known = signatures.distinct([*stored, *(trial.network for trial in brought if trial.network is not None)])
    if len(known) > max(1, len(stored)):
        since = f"the stored trials of study {study.name}" if stored else "some of the trials in the file"
        raise Conflict(signatures.has_changed(network, since, "allow_changed_network (--allow-changed-network)"))


def require_known_classes(trials: Sequence[Trial], train_labels: Labels, test_labels: Labels) -> None:
    """Raises InvalidInput if a trial's mistakes name the sample's own class, or one that the dataset does not have."""
    classes = int(max(train_labels.max(), test_labels.max(initial=0))) + 1
    for trial in trials:
        for bits, packed, labels in (
            (trial.train_bits, trial.train_mistakes, train_labels),
            (trial.test_bits, trial.test_mistakes, test_labels),
        ):
            if packed is None:
                continue
            wrong = ~unpack(bits, len(labels))
            predicted = unpack_predicted(packed, int(wrong.sum()))
            if (predicted >= classes).any() or (predicted == labels[wrong]).any():
                full = "full " if trial.full else ""
                raise InvalidInput(f"The mistakes of {full}trial {trial.number} name classes that they cannot name.")


def merge(connection: Connection, study: str, brought: Sequence[Trial]) -> Merged:
    """Store the trials that a study lacks. Raises Conflict while a job, which counts in memory, works on the study."""
    one_at_a_time(connection, f"study {study}")
    for job in jobs.held(connection):
        if job.study_id == study:
            raise Conflict(f"Job {job.id} is working on this study; import after it has ended, or cancel it first.")
    added = present = differing = 0
    for full in (False, True):
        table = full_trials if full else trials
        query = select(table.c.number, table.c.digest).where(table.c.study_id == study)
        stored = {row.number: row.digest for row in connection.execute(query)}
        some = [trial for trial in brought if trial.full == full]
        new = [trial for trial in some if trial.number not in stored]
        evidence.add(connection, study, new)
        added += len(new)
        same = sum(stored.get(trial.number) == trial.digest for trial in some)
        present += same
        differing += len(some) - len(new) - same
    return Merged(added, present, differing)
