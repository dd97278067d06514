"""Typical and atypical index sets (paper, section 3), from a score table and its pairs table."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass, fields

import numpy as np

from memscore import strict_json
from memscore.arrays import Bools
from memscore.errors import Damaged, InvalidInput
from memscore.npz import NpzReader
from memscore.scores.tables import ATYPICAL, TYPICAL, PairsTable, ScoreTable


@dataclass(frozen=True)
class Thresholds:
    """The paper's thresholds.

    atypical: mem above it (training), or infl of an atypical sample above it (test).
    typical: mem below it (training), or no infl of an atypical sample above it (test).
    test_accuracy: smallest share of models that classify a typical test sample correctly: of the full trials, the
    paper's Pr[F(x') = y'], if the study has any, otherwise of the trials on subsets.
    """

    atypical: float = ATYPICAL
    typical: float = TYPICAL
    test_accuracy: float = 0.8


@dataclass(frozen=True)
class Sets:
    """Boolean masks in dataset order: training bool [n], test bool [q]."""

    train_atypical: Bools
    train_typical: Bools
    test_atypical: Bools
    test_typical: Bools
    thresholds: Thresholds

    def masks(self) -> dict[str, Bools]:
        """The four masks by name."""
        return {name: getattr(self, name) for name in MASKS}

    def counts(self) -> dict[str, int]:
        """The number of samples in each set."""
        return {name: int(mask.sum()) for name, mask in self.masks().items()}

    def encode(self, *, digest: str) -> bytes:
        """Encode the masks as .npz with the thresholds and the score table's digest as JSON in `meta`."""
        buffer = io.BytesIO()
        meta = strict_json.dumps({"thresholds": asdict(self.thresholds), "digest": digest}, sort_keys=True)
        np.savez(buffer, allow_pickle=False, meta=np.array(meta), **self.masks())
        return buffer.getvalue()

    @classmethod
    def decode(cls, payload: bytes) -> Sets:
        """Decode the output of `encode`. Raises Damaged for anything else."""
        try:
            with NpzReader(payload, "memscore sets") as arrays:
                meta = json.loads(str(arrays.read("meta", "U")))
                masks = {name: arrays.read(name, "b", None) for name in MASKS}
            return cls(**masks, thresholds=Thresholds(**meta["thresholds"]))
        except (InvalidInput, ValueError, TypeError, KeyError) as error:
            raise Damaged(f"The service's response is not a complete file of sets: {error}") from error


MASKS = tuple(field.name for field in fields(Sets) if field.name != "thresholds")


def split(scores: ScoreTable, pairs: PairsTable, thresholds: Thresholds = Thresholds()) -> Sets:
    """The four sets at the given thresholds. A sample with undefined mem is in neither training set.

    Raises InvalidInput if a threshold is below the smallest infl in the pairs table, or if the
    typical threshold is above the atypical one.
    """
    if not thresholds.typical <= thresholds.atypical:
        raise InvalidInput(
            f"The typical threshold ({thresholds.typical:g}) must not exceed the atypical one "
            f"({thresholds.atypical:g})."
        )
    floor = float(pairs.meta["floor"])
    if thresholds.typical < floor:
        raise InvalidInput(f"The pairs table starts at infl {floor:g}: the typical threshold cannot be lower.")
    atypical = scores.atypical(thresholds.atypical)
    influential = atypical[pairs["train_index"]]

    def influenced(threshold: float) -> Bools:
        touched = np.zeros(scores.test_samples, np.bool_)
        touched[pairs["test_index"][influential & (pairs["infl"] > np.float32(threshold))]] = True
        return touched

    full = scores["test_p_full"]
    test_p = np.where(np.isnan(full), scores["test_p"], full)
    return Sets(
        train_atypical=atypical,
        train_typical=scores.typical(thresholds.typical),
        test_atypical=influenced(thresholds.atypical),
        test_typical=~influenced(thresholds.typical) & (test_p >= np.float32(thresholds.test_accuracy)),
        thresholds=thresholds,
    )
