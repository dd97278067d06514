"""Evidence without training, for tests of what is computed from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from memscore.arrays import Int64
from memscore.statistics.counts import Counts
from memscore.statistics.estimates import Difference, difference
from memscore.statistics.findings import LEVEL, Findings, Source
from memscore.statistics.similarity import Similarity
from memscore.study.bits import unpack
from memscore.study.evidence import Evidence, Margins, Mistakes, Outputs, Trial
from memscore.study.margins import encode
from memscore.study.sketches import WIDTH
from memscore.study.spec import BLOCK, Design
from memscore.study.subsets import block_membership


def made_evidence(
    n: int = 40,
    q: int = 12,
    blocks: int = 6,
    seed: int = 0,
    *,
    design: Design | None = None,
    probabilities: bool = False,
    margins: bool = False,
) -> Evidence:
    """Blocks of trials, nearly always right on their subset and else with a chance of each sample's own."""
    random = np.random.default_rng(seed)
    membership = np.concatenate([block_membership(design or Design(seed=seed), n, block) for block in range(blocks)])
    t = len(membership)
    train = membership & (random.random((t, n)) < 0.97) | (random.random((t, n)) < random.random(n))
    test = random.random((t, q)) < random.random(q)
    made = None
    if margins:
        made = Margins(_codes(random, train), _codes(random, test), _mistakes(random, train), _mistakes(random, test))
    return Evidence(
        np.arange(t),
        membership,
        train,
        test,
        random.integers(0, 256, (t, n), np.uint8) if probabilities else None,
        random.integers(0, 256, (t, q), np.uint8) if probabilities else None,
        made,
    )


def _codes(random: np.random.Generator, correct: npt.NDArray[np.bool_]) -> npt.NDArray[np.int8]:
    """Codes of any size whose sign is that of the bit."""
    size = random.integers(0, 128, correct.shape)
    return np.where(correct, size, -size).astype(np.int8)


def _mistakes(random: np.random.Generator, correct: npt.NDArray[np.bool_]) -> Mistakes:
    """Random classes for all misclassified samples."""
    trial, sample = np.nonzero(~correct)
    return Mistakes(trial, sample, random.integers(0, 5, len(trial)))


def with_outputs(trial: Trial, train_labels: npt.NDArray[np.int32], test_labels: npt.NDArray[np.int32]) -> Trial:
    """The trial with random margins and mistakes, and a full one with sketches; the same at each call."""
    random = np.random.default_rng([trial.number, trial.full])
    classes = int(max(train_labels.max(), test_labels.max())) + 1

    def outputs(packed: bytes, labels: npt.NDArray[np.int32]) -> tuple[bytes, bytes]:
        correct = unpack(packed, len(labels))
        predicted = (labels + random.integers(1, classes, len(labels))) % classes
        made = Outputs(_codes(random, correct), predicted, classes > 256)
        return made.margin.tobytes(), made.mistakes(correct)

    (train_margin, train_mistakes), (test_margin, test_mistakes) = (
        outputs(trial.train_bits, train_labels),
        outputs(trial.test_bits, test_labels),
    )
    sketches = [random.bytes(WIDTH * len(one)) if trial.full else None for one in (train_labels, test_labels)]
    return replace(
        trial,
        train_sketch=sketches[0],
        test_sketch=sketches[1],
        train_margin=train_margin,
        test_margin=test_margin,
        train_mistakes=train_mistakes,
        test_mistakes=test_mistakes,
    )


def split_evidence(evidence: Evidence, order: list[int]) -> list[Evidence]:
    """Its blocks, one by one, in another order."""
    return [evidence.select(slice(block * BLOCK, (block + 1) * BLOCK)) for block in order]


def labels(count: int, classes: int = 3) -> np.ndarray:
    """Labels int32 [count] of classes of nearly one size."""
    return (np.arange(count) % classes).astype(np.int32)


def joint_counts(membership: npt.NDArray[np.bool_], test_correct: npt.NDArray[np.bool_]) -> Int64:
    """S = M^T Y, int64 [n, q]: trials that trained on i and classify j correctly. Exact below 2**24 trials."""
    return np.rint(membership.T.astype(np.float32) @ test_correct.astype(np.float32)).astype(np.int64)


def influence(joint: Int64, n_in: Int64, test_correct: Int64, trials: int) -> Difference:
    """infl of each pair (paper, equation 2) from S [n, q], n_in [n] and column sums of Y [q]: arrays [n, q]."""
    n_1 = np.broadcast_to(n_in[:, None], joint.shape)
    return difference(joint, n_1, test_correct[None, :] - joint, trials - n_1)


@dataclass(frozen=True)
class Planted:
    """Evidence of 100 trials in which a few training samples influence the test sample that resembles them.

    Labels int32 [n] and [q], images uint8; true infl float64 [n, q], 0 but for the planted pairs.
    """

    evidence: Evidence
    design: Design
    y_train: npt.NDArray[np.int32]
    y_test: npt.NDArray[np.int32]
    x_train: npt.NDArray[np.uint8]
    x_test: npt.NDArray[np.uint8]
    infl: npt.NDArray[np.float64]


def planted_evidence(seed: int = 0, *, margins: bool = True, blocks: int = 10) -> Planted:
    """Two classes of 250 training samples with mem .3 to .7 and 100 test samples, of which a fifth is influenced."""
    random = np.random.default_rng(seed)
    y_train, y_test = (np.arange(count, dtype=np.int32) % 2 for count in (500, 200))
    x_train, x_test = (random.integers(0, 256, (count, 8, 8, 3), np.uint8) for count in (500, 200))
    design = Design(seed=seed)
    member = np.concatenate([block_membership(design, 500, block) for block in range(blocks)])
    normal = NormalDist()
    infl = np.zeros((500, 200))
    level, shift = random.normal(0.5, 1, 200), np.zeros((len(member), 200))
    for j in range(0, 200, 5):
        twin = int(random.choice(np.flatnonzero(y_train == y_test[j])))
        x_train[twin] = np.clip(x_test[j] + random.normal(0, 25, (8, 8, 3)), 0, 255)
        low = random.uniform(0.05, 0.6)
        high = min(0.97, low + random.exponential(0.35))
        infl[twin, j] = high - low
        level[j] = normal.inv_cdf(low)
        shift[:, j] = member[:, twin] * (normal.inv_cdf(high) - level[j])
    margin = level + shift + random.standard_normal(shift.shape)
    right = margin > 0
    train = member | (random.random(member.shape) < random.uniform(0.3, 0.7, 500))
    made = None
    if margins:
        test_codes = encode((3 * margin).astype(np.float32), right)
        made = Margins(_codes(random, train), test_codes, _mistakes(random, train), _mistakes(random, right))
    evidence = Evidence(np.arange(len(member)), member, train, right, None, None, made)
    return Planted(evidence, design, y_train, y_test, x_train, x_test, infl)


def false_findings(planted: Planted) -> tuple[int, int]:
    """How many pairs the weighted test finds at a false-discovery rate of 5 %, and how many of these have no effect."""
    counts = Counts.of(planted.evidence, planted.y_train, planted.y_test, planted.design)
    similarity = Similarity.of_images(counts.groups, planted.x_train, planted.x_test)
    source = Source.of(counts)
    assert source is not None
    findings = Findings(source, similarity.bins)
    cells = [
        findings.add_tested(at, np.arange(len(group.train)), group.train, group.test)
        for at, group in enumerate(counts.groups)
    ]
    q = findings.test.q_values(sum(one.size for one in cells))
    found = false = 0
    for group, one in zip(counts.groups, cells, strict=True):
        significant = (one >= 0) & (q[one] <= LEVEL)
        found += int(significant.sum())
        false += int((significant & (planted.infl[np.ix_(group.train, group.test)] == 0)).sum())
    return found, false
