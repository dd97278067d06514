"""Membership inference by TensorFlow Privacy's code and by ours, on the same trials: `python benchmarks/peers/lira.py`.

    python benchmarks/peers/lira.py --peer build/tensorflow-privacy [--cache FOLDER] [--trials 100]

On the bed of benchmarks/heads.py, with the margins as the attacker's statistic, and each of the same target trials left
out of the trials it learns from. TensorFlow Privacy's module is loaded by itself, since its package imports TensorFlow,
which this part does not need. A minute of CPU where the bed is filled, 25 once otherwise.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks import margins
from benchmarks.heads import blocks_in, default_cache, fill, load_trials
from benchmarks.machine import header
from memscore.arrays import Bools, Float64
from memscore.statistics.output_counts import TARGETS, TargetMargins
from memscore.statistics.privacy import attack
from memscore.study.margins import UNIT, decode
from memscore.study.spec import BLOCK

PACKAGES = ("", ".privacy", ".privacy.privacy_tests", ".privacy.privacy_tests.membership_inference_attack")


def peer_at(folder: Path) -> Any:
    """The peer's module, without what its packages import."""
    for name in PACKAGES:
        package = ModuleType(f"tensorflow_privacy{name}")
        package.__path__ = [str(folder / package.__name__.replace(".", "/"))]
        sys.modules[package.__name__] = package
    return importlib.import_module(f"tensorflow_privacy{PACKAGES[-1]}.advanced_mia")


def by_peer(peer: Any, membership: Bools, values: Float64, fix_variance: bool) -> tuple[float, float, float]:
    """The success of the peer's attack, as `margins.success` gives it."""
    members: list[Float64] = []
    others: list[Float64] = []
    for target in range(TARGETS):
        rest = np.arange(len(values)) != target
        of, known = membership[rest], values[rest]
        inside = [known[of[:, i], i][:, None] for i in range(of.shape[1])]
        outside = [known[~of[:, i], i][:, None] for i in range(of.shape[1])]
        score = -peer.compute_score_lira(values[target][:, None], inside, outside, fix_variance=fix_variance)
        members.append(score[membership[target]])
        others.append(score[~membership[target]])
    return margins.success(members, others)


def main() -> None:
    """Print both."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--peer", type=Path, required=True, help="folder with tensorflow-privacy 0.8.12")
    arguments.add_argument("--cache", type=Path, default=default_cache(), help="folder of the bed")
    arguments.add_argument("--trials", type=int, nargs="+", default=[50, 100, 200], help="numbers of trials")
    chosen = arguments.parse_args()
    peer = peer_at(chosen.peer)
    if not fill(chosen.cache, 200):
        return
    blocks = blocks_in(chosen.cache)
    print(header(f"lira: {BLOCK * len(blocks)} trials of the bed heads"))
    bed = margins.Bed(load_trials(chosen.cache, blocks))
    print("true positives at 0.1 % and 1 % false ones, AUC")
    for trials in chosen.trials:
        used, _ = bed.split(trials, 0)
        membership = bed.membership[used].reshape(trials, -1)
        codes = bed.codes[used].reshape(trials, -1)
        targets = TargetMargins()
        targets.add(np.arange(trials), membership, codes)
        found = attack(bed.counts(used), bed.model(used), targets)
        assert found is not None
        ours = (*(found.true_positives[rate].value for rate in (0.001, 0.01)), found.auc.value)
        values = decode(codes) / UNIT
        rows = {
            "memscore": ours,
            "tensorflow-privacy, a variance a sample": by_peer(peer, membership, values, False),
            "tensorflow-privacy, one variance": by_peer(peer, membership, values, True),
        }
        print(f"{trials} trials, {TARGETS} targets")
        for name, row in rows.items():
            print(f"  {name:42} " + " ".join(f"{value:.4f}" for value in row))


if __name__ == "__main__":
    main()
