"""Typical and atypical index sets (paper, section 3), from a score table and its pairs table."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from memscore import strict_json
from memscore.arguments import check_fields
from memscore.arrays import Bools, Float32, Float64, Int64
from memscore.errors import Damaged, InvalidInput
from memscore.npz import NpzReader
from memscore.scores.tables import ATYPICAL, CORRECT, LIKELY, NO_TEST_PART, TYPICAL, PairsTable, ScoreTable
from memscore.statistics.significance import upper_tails

Rule = Literal["posterior", "raw"]

MUCH_CHANCE = 0.2
"""Share of test-atypical samples expected by chance above which the sets warn."""


@dataclass(frozen=True)
class Thresholds:
    """The paper's thresholds, and the rule for atypical test samples.

    atypical: mem above it (training), or infl of an atypical sample above it (test).
    typical: mem below it (training), or no infl of an atypical sample above it (test).
    test_accuracy: smallest share of models that classify a typical test sample correctly: of the full trials, the
    paper's Pr[F(x') = y'], if the study has any, otherwise of the trials on subsets.
    rule: "posterior": infl of one atypical sample is above the threshold with a probability above 1/2; "raw": its
    estimate is above it, literally as in the paper, which after a hundred trials names mostly chance.
    Raises InvalidInput for a value of another type.
    """

    atypical: float = ATYPICAL
    typical: float = TYPICAL
    test_accuracy: float = CORRECT
    rule: Rule = "posterior"

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Sets:
    """Boolean masks in dataset order: training bool [n], test bool [q].

    rule: the one used, "raw" where the tables have no posteriors. expected_false: of the atypical test samples, the
    number that are expected not to be atypical, None without posteriors. typical_false: of the typical test samples,
    the number that an atypical training sample is expected to influence above the typical threshold, however weakly it
    was found; None without margins, and at other than the default thresholds. by_chance: how many test samples the rule
    "raw" would name if no training sample influenced any, None for imported scores. notes: sentences for the reader.
    """

    train_atypical: Bools
    train_typical: Bools
    test_atypical: Bools
    test_typical: Bools
    thresholds: Thresholds
    rule: Rule = "raw"
    expected_false: float | None = None
    by_chance: float | None = None
    typical_false: float | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in self.counts().items())
        return f"<Sets: {counts}>"

    def masks(self) -> dict[str, Bools]:
        """The four masks by name."""
        return {name: getattr(self, name) for name in MASKS}

    def counts(self) -> dict[str, int]:
        """The number of samples in each set."""
        return {name: int(mask.sum()) for name, mask in self.masks().items()}

    def worth(self) -> list[str]:
        """Sentences on what the test sets are worth."""
        return worth(self.rule, self.counts(), self.expected_false, self.typical_false, self.by_chance)

    def encode(self, *, digest: str) -> bytes:
        """Encode the masks as .npz with the thresholds and the score table's digest as JSON in `meta`."""
        buffer = io.BytesIO()
        names = ("rule", "expected_false", "by_chance", "typical_false")
        said = {name: getattr(self, name) for name in names}
        meta = {"thresholds": asdict(self.thresholds), "digest": digest, **said, "notes": list(self.notes)}
        text = strict_json.dumps(meta, sort_keys=True)
        np.savez(buffer, allow_pickle=False, meta=np.array(text), **self.masks())
        return buffer.getvalue()

    @classmethod
    def decode(cls, payload: bytes) -> Sets:
        """Decode the output of `encode`, of this version or an older one. Raises Damaged for anything else."""
        try:
            with NpzReader(payload, "memscore sets") as arrays:
                meta: dict[str, Any] = json.loads(str(arrays.read("meta", "U")))
                masks = {name: arrays.read(name, "b", None) for name in MASKS}
            thresholds: dict[str, Any] = {"rule": "raw", **meta["thresholds"]}
            return cls(
                **masks,
                thresholds=Thresholds(**thresholds),
                rule=meta.get("rule", "raw"),
                expected_false=meta.get("expected_false"),
                by_chance=meta.get("by_chance"),
                typical_false=meta.get("typical_false"),
                notes=tuple(meta.get("notes", ())),
            )
        except (InvalidInput, ValueError, TypeError, KeyError) as error:
            raise Damaged(f"The service's response is not a complete file of sets: {error}") from error


MASKS = ("train_atypical", "train_typical", "test_atypical", "test_typical")


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
    by_chance = expected_by_chance(scores, pairs, atypical, thresholds.atypical)
    above = pairs.above(thresholds.atypical)
    probability = None if above is None else _largest(scores, pairs, atypical, above)
    posterior = probability is not None and thresholds.rule == "posterior"
    likely = None if probability is None or not posterior else probability > LIKELY
    chosen = influenced(thresholds.atypical) if likely is None else likely
    return Sets(
        train_atypical=atypical,
        train_typical=scores.typical(thresholds.typical),
        test_atypical=chosen,
        test_typical=~influenced(thresholds.typical) & ~chosen & (test_p >= np.float32(thresholds.test_accuracy)),
        thresholds=thresholds,
        rule="posterior" if posterior else "raw",
        expected_false=None if probability is None else round(float((1 - probability[chosen]).sum()), 1),
        by_chance=None if by_chance is None else round(by_chance, 1),
        typical_false=pairs.meta.get("typical_false") if thresholds == Thresholds() else None,
        notes=tuple(_notes(pairs, thresholds, posterior, int(chosen.sum()), by_chance))
        if scores.test_samples
        else (NO_TEST_PART,),
    )


def limits(scores: ScoreTable) -> tuple[Float32, Float32, str] | None:
    """The 95 % limits of mem [n] by which a sample's side of a threshold is sure, and what they are estimated from.

    Those of mem_margin where there are any; None for scores without intervals.
    """
    if np.isfinite(scores["mem_margin_low"]).any():
        return scores["mem_margin_low"], scores["mem_margin_high"], " by margins"
    low, high = scores["mem_low"], scores["mem_high"]
    return (low, high, "") if np.isfinite(low).any() else None


def undecided(scores: ScoreTable) -> Bools:
    """Mask of the samples whose 95 % interval contains the threshold of atypical ones: bool [n].

    All False for scores without intervals.
    """
    found = limits(scores)
    if found is None:
        return np.zeros(len(scores), np.bool_)
    low, high, _ = found
    return (low <= np.float32(ATYPICAL)) & (high > np.float32(ATYPICAL))


def sure(scores: ScoreTable, sets: Sets) -> dict[str, int] | None:
    """How many atypical, and typical, training samples have limits of mem wholly above, or below, `atypical`.

    None for scores without intervals.
    """
    found = limits(scores)
    if found is None:
        return None
    low, high, _ = found
    bound = np.float32(sets.thresholds.atypical)
    return {
        "train_atypical": int((sets.train_atypical & (low > bound)).sum()),
        "train_typical": int((sets.train_typical & (high < bound)).sum()),
    }


def worth(
    rule: Rule,
    counts: dict[str, int],
    expected_false: float | None,
    typical_false: float | None,
    by_chance: float | None,
) -> list[str]:
    """Sentences on what the test sets are worth: how atypical samples were chosen, and how many are expected wrong."""
    by = "the probability of influence" if rule == "posterior" else "the raw estimate of influence"
    found = [f"Atypical test samples by {by} (rule {rule})."]
    if expected_false is not None:
        found.append(
            f"Expected not to be atypical: {expected_false:,.1f} of the {counts['test_atypical']:,} atypical test "
            "samples."
        )
    if typical_false is not None:
        found.append(
            "Expected to be influenced by an atypical training sample all the same: "
            f"{typical_false:,.1f} of the {counts['test_typical']:,} typical test samples."
        )
    if by_chance is not None:
        found.append(f"By chance alone, the raw estimate would name {by_chance:,.1f} as atypical.")
    return found


def _largest(scores: ScoreTable, pairs: PairsTable, atypical: Bools, above: Float64) -> Float64:
    """Of each test sample, the largest probability `above` [pairs] for a training sample of the mask [n]: [q].

    Many small probabilities of one test sample, which depend on each other, add up to nothing here.
    """
    chosen = atypical[pairs["train_index"]] & np.isfinite(above)
    largest = np.zeros(scores.test_samples)
    np.maximum.at(largest, pairs["test_index"][chosen], above[chosen])
    return largest


def expected_by_chance(scores: ScoreTable, pairs: PairsTable, atypical: Bools, threshold: float) -> float | None:
    """How many test samples would have an infl above the threshold from a training sample of the mask `atypical` [n].

    If none had any influence: infl then varies as hypergeometric counts do, here with the mean n_in of all. None for
    imported scores, and without test samples.
    """
    trials, test_p = scores.trials, scores["test_p"].astype(np.float64)
    if not trials or not len(test_p) or not np.isfinite(test_p).all():
        return None
    candidates = atypical & (scores["n_in"] > 0) & (scores["n_in"] < trials)
    if not candidates.any():
        return 0.0
    inside = int(np.rint(scores["n_in"][candidates].mean()))
    correct, place = np.unique(np.rint(test_p * trials).astype(np.int64), return_inverse=True)
    tail = upper_tails(trials, inside, correct, _least(trials, inside, correct, threshold))[place]
    if pairs.meta.get("scope") == "all":
        count = np.full(len(test_p), candidates.sum())
    else:
        of_class = np.bincount(scores["label"][candidates], minlength=int(scores["test_label"].max()) + 1)
        count = of_class[scores["test_label"]]
    return float((1 - (1 - tail) ** count).sum())


def _least(trials: int, inside: int, correct: Int64, threshold: float) -> Int64:
    """The smallest S [k] for which infl is above the threshold in single precision."""
    sides = inside * (trials - inside)
    s = np.floor((float(np.float32(threshold)) * sides + inside * correct) / trials).astype(np.int64)
    infl = ((trials * s - inside * correct) / sides).astype(np.float32)
    return np.where(infl > np.float32(threshold), s, s + 1)


def _notes(
    pairs: PairsTable, thresholds: Thresholds, posterior: bool, named: int, by_chance: float | None
) -> list[str]:
    notes: list[str] = []
    if thresholds.rule == "posterior" and not posterior:
        if pairs.weighted:
            why = f"The posterior of influence is known at {pairs.meta['strong']:g} only"
        else:
            why = "These tables have no posterior of influence"
        notes.append(
            f"{why}, so atypical test samples are those of the paper's literal rule, infl above the threshold."
        )
    if not posterior and by_chance is not None and by_chance > MUCH_CHANCE * max(named, 1):
        notes.append(
            f"{named:,} test samples are named as atypical; {by_chance:,.0f} would be by chance alone, if no training "
            "sample influenced any."
        )
    return notes
