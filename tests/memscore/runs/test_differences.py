"""Runs against a reference, sample by sample, from files that anybody may have written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from memscore.errors import InvalidInput
from memscore.runs.differences import differences
from memscore.runs.sample_records import known, write_samples
from tests.made_runs import ATTACKS, GROUPS, META, make_run, samples


def test_differences_are_those_of_the_samples(tmp_path: Path):
    pgd, bat = make_run(tmp_path / "pgd"), make_run(tmp_path / "bat", method="bat")
    both = differences(pgd, bat)
    assert {one.split for one in both} == {"train", "test"}
    found = {(one.group, one.attack): one for one in both if one.split == "test"}
    assert found.keys() == {(group, attack) for group in GROUPS for attack in ATTACKS}
    right = np.random.default_rng(0).random(360) < 0.7
    gained = int((~right[:40]).sum())
    one = found["atypical", "pgd"]
    assert (one.count, one.only_first, one.only_second) == (40, 0, gained)
    assert (one.first, one.second) == (right[:40].mean(), 1)
    assert one.difference == pytest.approx(gained / 40)
    assert 0 < one.low < one.difference < one.high < 1
    assert found["typical", "pgd"].difference == 0
    assert found["typical", "pgd"].p_value == 1


def test_what_cannot_be_compared_says_why(tmp_path: Path):
    reference = make_run(tmp_path / "reference")
    others = {name: make_run(tmp_path / name) for name in ("gone", "damaged", "link", "other", "radius", "folder")}
    kept = {name: folder / "evaluation" / "last" / "samples.parquet" for name, folder in others.items()}
    for name in ("gone", "link", "folder"):
        kept[name].unlink()
    kept["damaged"].write_bytes(b"PAR1 nothing PAR1")
    kept["link"].symlink_to(reference / "evaluation" / "last" / "samples.parquet")
    kept["folder"].mkdir()
    write_samples(kept["other"], samples("pgd", 0), META | {"fingerprint": "00" * 32})
    write_samples(kept["radius"], samples("pgd", 0), META | {"epsilon": 0.2})
    for name, problem in (
        ("gone", "gone was not evaluated sample by sample: it has no samples.parquet."),
        ("damaged", "damaged: samples.parquet holds no samples of an evaluation."),
        ("link", "link: samples.parquet cannot be read"),
        ("folder", "folder: samples.parquet is a folder."),
        ("other", "different datasets"),
        ("radius", "different epsilons"),
    ):
        for pair in ((reference, others[name]), (others[name], reference)):
            with pytest.raises(InvalidInput, match=re.escape(problem)):
                differences(*pair)


def test_a_linked_evaluation_is_not_followed(tmp_path: Path):
    reference, run = make_run(tmp_path / "reference"), make_run(tmp_path / "run")
    (run / "evaluation" / "last").rename(tmp_path / "elsewhere")
    (run / "evaluation" / "last").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidInput, match="run: evaluation is a link"):
        differences(reference, run)


@pytest.mark.parametrize("change", ["length", "type"])
def test_samples_of_another_shape_are_named(tmp_path: Path, change: str):
    reference, run = make_run(tmp_path / "reference"), make_run(tmp_path / "run")
    path = run / "evaluation" / "last" / "samples.parquet"
    made = samples("pgd", 0)
    for one in made:
        for name, column in one.columns.items():
            if change == "length":
                one.columns[name] = column[:100]
            elif name.startswith("correct_"):
                one.columns[name] = known(column.data.astype(np.float64))
    write_samples(path, made, META)
    with pytest.raises(InvalidInput, match="360 and 100 train samples" if change == "length" else "holds no samples"):
        differences(reference, run)
