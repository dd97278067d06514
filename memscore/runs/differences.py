"""Differences of runs on the same samples, read from a folder of runs that anybody may have written to."""

from __future__ import annotations

from pathlib import Path

from memscore.errors import Damaged, FingerprintMismatch, InvalidInput
from memscore.messages.runs import RunDifference
from memscore.runs.contents import made, read_bytes
from memscore.runs.layout import EVALUATIONS, SAMPLES
from memscore.runs.mcnemar import ReadEvaluation, compare
from memscore.runs.sample_records import read_samples

LAST = "last"


def differences(reference: Path, run: Path) -> list[RunDifference]:
    """The last network of a run against that of the reference, on the samples that both were evaluated on.

    Raises InvalidInput if one of them cannot be read, or they cannot be compared; it says why.
    """
    try:
        found = compare(_last(reference), _last(run))
        return [made(RunDifference, one.as_row(), SAMPLES) for one in found]
    except (FingerprintMismatch, Damaged) as error:
        raise InvalidInput(str(error)) from error


def _last(folder: Path) -> ReadEvaluation:
    """What was recorded of every sample. Raises InvalidInput if there is nothing that can be read."""
    kept = folder / EVALUATIONS
    path = kept / LAST / SAMPLES
    try:
        if kept.is_symlink() or (kept / LAST).is_symlink():
            raise Damaged(f"{EVALUATIONS} is a link.")
        content = read_bytes(path)
    except FileNotFoundError as error:
        raise InvalidInput(f"{folder.name} was not evaluated sample by sample: it has no {SAMPLES}.") from error
    except Damaged as error:
        raise InvalidInput(f"{folder.name}: {error}") from error
    try:
        return read_samples(path, content)
    except InvalidInput as error:
        raise InvalidInput(f"{folder.name}: {SAMPLES} holds no samples of an evaluation.") from error
