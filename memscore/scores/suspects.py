"""Further findings from scores and evidence: suspected label errors, near-duplicates, memorization of groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from memscore.arrays import Bools, Indices, UInt8
from memscore.counted import counted
from memscore.errors import InvalidInput
from memscore.files import rows_of_samples
from memscore.scores.label_errors import LabelErrors, label_errors
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.statistics.clustered import ClusteredMean, joint_memorization, mean_memorization
from memscore.statistics.estimates import Difference, difference
from memscore.study.evidence import Evidence

NOT_WRONG = (
    "Models that did not train on the samples at the top predict another label for them. A wrong label is one reason, "
    "a rare or hard image another. Look at each before you change its label."
)

WITHOUT_VOTES = (
    "These trials recorded which samples are correct, not what models predict: samples are ranked by the lower limit "
    "of mem's interval, without a cut-off and suggested labels. New trials record predictions."
)


def note_on(errors: LabelErrors) -> str:
    """How to read a list of suspects: how many samples look mislabelled, and what else may be true of them."""
    if errors.suspected is None:
        return f"{NOT_WRONG} {WITHOUT_VOTES}"
    if errors.precision is None:
        found = f"No group of samples is expected to hold {_percent(errors.precision_wanted)} wrong labels. "
    else:
        found = (
            f"{errors.suspected:,} {'samples look' if errors.suspected != 1 else 'sample looks'} mislabelled, with a "
            f"probability of {_percent(errors.precision)} on average. "
        )
    return f"{found}{_contradicted(errors.contradicted)}{NOT_WRONG}"


def _contradicted(count: int) -> str:
    """A sentence on samples that are not suspected although no held-out trial agrees with their label."""
    if not count:
        return ""
    more = "1 more sample is" if count == 1 else f"{count:,} more samples are"
    return (
        f"{more} assigned to another class by every held-out trial; these trials cannot tell a wrong label from a hard "
        "sample there, so look further down the list too. "
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def suspects(scores: ScoreTable, count: int) -> Indices:
    """Indices of at most `count` training samples, the likeliest label errors first (`memscore.scores.label_errors`).

    Samples without a score are left out.
    """
    return label_errors(scores).order[:count]


def duplicates(pairs: PairsTable, infl_min: float = 0.8, mem_min: float = 0.8) -> Indices:
    """Rows of the pairs table whose test sample is likely a near-duplicate of the training sample, strongest first.

    Models classify the training sample correctly only if they train on it (mem near 1), and the test sample only if
    they train on that training sample (infl near 1).
    """
    return np.flatnonzero((pairs["infl"] >= np.float32(infl_min)) & (pairs["mem"] >= np.float32(mem_min)))


@dataclass(frozen=True)
class GroupMemorization:
    """How much models memorize the g members of a group together.

    members int64 [g]. n_all and n_none: trials that trained on all members, and on none. `scores` has arrays [g]: for
    each member, the share of correct trials among the former minus that among the latter (NaN if there are no such
    trials), with standard error and 95 % interval. expected_all and expected_none: the expected shares of such trials
    with independent subsets, r^g and (1 - r)^g. together: the mean of these scores over the members; mean_mem: the mean
    of the members' own mem. Both have errors clustered by trial.
    """

    name: str
    members: Indices
    n_all: int
    n_none: int
    scores: Difference
    expected_all: float
    expected_none: float
    together: ClusteredMean
    mean_mem: ClusteredMean

    @property
    def warning(self) -> str | None:
        """A sentence if the group's scores are undefined, otherwise None."""
        if self.n_all and self.n_none:
            return None
        kind, expected = ("all", self.expected_all) if not self.n_all else ("none", self.expected_none)
        return (
            f"Group {self.name!r}: no trial trained on {kind} of its {counted(len(self.members), 'member')}; about one "
            f"in {1 / expected:,.0f} does. Run more trials, or make the group smaller."
        )


def group_memorization(
    evidence: Iterable[Evidence], groups: dict[str, Indices], subset_ratio: float
) -> list[GroupMemorization]:
    """The memorization of groups of training samples, from evidence in one or more parts.

    Two copies of an image hide each other: if one is held out, models still learn it from the other unless that is
    held out too, so the mem of each is about 1 - r instead of 1. As a group, they show up as memorized.
    """
    packed: dict[str, list[tuple[UInt8, UInt8]]] = {name: [] for name in groups}
    for part in evidence:
        for name, members in groups.items():
            some = part.membership[:, members], part.train_correct[:, members]
            packed[name].append((np.packbits(some[0], axis=1), np.packbits(some[1], axis=1)))
    found: list[GroupMemorization] = []
    for name, members in groups.items():
        inside, right = (_unpacked([part[side] for part in packed[name]], len(members)) for side in (0, 1))
        with_all, with_none = right[inside.all(axis=1)], right[~inside.any(axis=1)]
        n_all, n_none = (np.full(len(members), len(some), np.int64) for some in (with_all, with_none))
        found.append(
            GroupMemorization(
                name,
                members,
                len(with_all),
                len(with_none),
                difference(with_all.sum(axis=0), n_all, with_none.sum(axis=0), n_none),
                subset_ratio ** len(members),
                (1 - subset_ratio) ** len(members),
                joint_memorization(with_all.sum(axis=1), with_none.sum(axis=1), len(members)),
                mean_memorization(inside, right),
            )
        )
    return found


def _unpacked(parts: list[UInt8], members: int) -> Bools:
    """Bits bool [t, g] from parts with packed rows."""
    rows = np.concatenate([np.empty((0, (members + 7) // 8), np.uint8), *parts])
    return np.unpackbits(rows, axis=1, count=members).astype(np.bool_)


def read_groups(path: Path, samples: int) -> dict[str, Indices]:
    """Read groups from a CSV file with the columns `index` and `group`: name to ascending training indices.

    A sample may be in several groups. Raises InvalidInput that names the invalid line, or if the file cannot be read.
    """
    groups: dict[str, set[int]] = {}
    for where, index, row in rows_of_samples(path, "group"):
        if not 0 <= index < samples:
            raise InvalidInput(f"{where}: there is no training sample {index}; indices go from 0 to {samples - 1}.")
        name = row["group"]
        if not name:
            raise InvalidInput(f"{where}: the group has no name.")
        members = groups.setdefault(name, set())
        if index in members:
            raise InvalidInput(f"{where}: sample {index} is already in group {name!r}.")
        members.add(index)
    if not groups:
        raise InvalidInput(f"{path} has no rows below its header.")
    return {name: np.array(sorted(members), np.int64) for name, members in groups.items()}
