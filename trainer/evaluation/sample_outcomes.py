"""The outcome of every sample of a split: under each attack, under all of them, and as a poisoning sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools, Indices
from memscore.runs.sample_records import CLEAN, CORRECT, WORST, Columns, SampleRecords, known, scattered, unknown
from memscore.scores.sets import Sets
from memscore.scores.tables import is_atypical, is_typical
from trainer.attacks.registry import AUTOATTACK, AttackInParts, iterative, named
from trainer.evaluation.config import EvaluationConfig, Split
from trainer.evaluation.masking import Probes
from trainer.evaluation.split_attacks import Attempts
from trainer.evaluation.subset import stratified

PGD_COLUMNS = {
    "pgd_prediction": np.int64,
    "pgd_margin": np.float32,
    "pgd_loss": np.float32,
    "poisoning_score": np.float32,
    "poisoning_class": np.int64,
    "poisoned": np.bool_,
    "weight": np.float64,
}


def attacked(attempts: Attempts, mem: npt.NDArray[Any] | None, groups: Columns) -> tuple[SampleRecords, Probes]:
    """The columns of a split, and which samples survived AutoAttack's parts."""
    count, config = len(attempts.labels), attempts.config
    clean = attempts.clean()
    columns: Columns = {
        "label": known(attempts.labels.cpu().numpy()),
        "prediction": known(clean["prediction"]),
        "margin": np.ma.masked_invalid(clean["margin"]),
        "loss": np.ma.masked_invalid(clean["loss"]),
        "mem": unknown(count, np.float32) if mem is None else np.ma.masked_invalid(mem),
        **groups,
    }
    tried = {CLEAN: known(columns["prediction"].data == columns["label"].data)}
    columns |= {name: unknown(count, kind) for name, kind in PGD_COLUMNS.items()}
    parts: dict[str, Bools] = {}
    warned: tuple[str, ...] | None = None
    for name in config.attacks:
        if name == AUTOATTACK:
            chosen = stratified(strata(columns), config.autoattack_samples, name, config.seed, attempts.split)
            parts, said = attempts.autoattack(chosen)
            warned = (*(warned or ()), *said)
            tried[name] = scattered(list(parts.values())[-1], chosen, count)
        elif name == "pgd" and config.poisoning:
            watched = attempts.watched(iterative(name))
            tried[name] = known(watched["survived"])
            columns |= _of_pgd(watched, columns, config)
        elif isinstance(attack := named(name), AttackInParts):
            survived, said = attempts.in_parts(attack)
            warned = (*(warned or ()), *said)
            tried[name] = known(survived)
        else:
            tried[name] = known(attempts.survived_by(attack))
    tried[WORST] = np.ma.masked_array(
        np.logical_and.reduce([column.filled(False) for column in tried.values()]),
        mask=np.logical_or.reduce([column.mask for column in tried.values()]),
    )
    columns |= {f"{CORRECT}{name}": column for name, column in tried.items()}
    return SampleRecords(attempts.split, columns), Probes(parts=parts, warnings=warned)


def groups_of(split: Split, count: int, config: EvaluationConfig, sets: Sets | None, mem: Any) -> Columns:
    """The `typical` and `atypical` columns of a split."""
    if sets is not None:
        return {name: known(getattr(sets, f"{split}_{name}")) for name in ("typical", "atypical")}
    if split == "train" and mem is not None:
        return {
            "typical": known(is_typical(mem, config.typical)),
            "atypical": known(is_atypical(mem, config.atypical)),
        }
    return {name: unknown(count, np.bool_) for name in ("typical", "atypical")}


def strata(columns: Columns) -> Indices:
    """A number for each combination of class and typical, atypical or neither."""
    kind = columns["typical"].filled(False) + 2 * columns["atypical"].filled(False)
    return columns["label"].data * 3 + kind


def _of_pgd(watched: Mapping[str, npt.NDArray[Any]], columns: Columns, config: EvaluationConfig) -> Columns:
    """Columns of the last iterate of PGD; weights as BAT would give them (paper, equation 5).

    Values are masked where the network's outputs are not finite.
    """
    mem = columns["mem"]
    wrong = watched["prediction"] != columns["label"].data
    poisoned = np.ma.masked_array(wrong & is_atypical(mem.filled(-1), config.sigma), mask=mem.mask)
    score = np.ma.masked_invalid(watched["poisoning_score"])
    weight = np.where(poisoned.data, np.exp(-config.alpha * watched["poisoning_score"].astype(np.float64)), 1.0)
    return {
        "pgd_prediction": known(watched["prediction"]),
        "pgd_margin": np.ma.masked_invalid(watched["margin"]),
        "pgd_loss": np.ma.masked_invalid(watched["loss"]),
        "poisoning_score": score,
        "poisoning_class": known(watched["poisoning_class"]),
        "poisoned": poisoned,
        "weight": np.ma.masked_array(weight, mask=mem.mask | np.isnan(weight)),
    }
