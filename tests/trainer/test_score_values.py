"""Scores of any kind from a file: read by format, placed by index, checked against the dataset, used for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from memscore.datasets.dataset import Dataset
from memscore.errors import FingerprintMismatch, InvalidInput
from memscore.scores.frames import encode
from tests.conftest import make_dataset
from trainer.config import TrainConfig
from trainer.run import train
from trainer.score_values import ScoreValues, is_values
from trainer.scores import TrainingScores, read

VALUES = np.random.default_rng(0).random(60)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return make_dataset()


def values(source: str) -> ScoreValues:
    found = read(source)
    assert isinstance(found, ScoreValues)
    return found


def test_every_format_gives_the_same_values(tmp_path: Path):
    np.save(tmp_path / "a.npy", VALUES)
    np.savez(tmp_path / "a.npz", el2n=VALUES, other=VALUES[:3])
    table = pa.table({"name": [f"n{place}" for place in range(60)], "mem": VALUES, "loss": -VALUES})
    parquet.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, tmp_path / "a.arrow")
    lines = [f"{name},{mem!r},{loss!r}" for name, mem, loss in zip(*table.to_pydict().values(), strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(["name,mem,loss", *lines]) + "\n\n")
    sources = ("a.npy", "a.npz:el2n", "a.parquet", "a.arrow", "a.csv", "a.csv:mem", "a.parquet:mem")
    digests = {values(str(tmp_path / source)).digest for source in sources}
    assert len(digests) == 1
    np.testing.assert_array_equal(values(str(tmp_path / "a.csv:loss")).mem, -VALUES.astype(np.float32))


def test_rows_are_placed_by_their_index_and_empty_cells_are_unknown(tmp_path: Path):
    file = tmp_path / "shuffled.csv"
    file.write_text("index,forgetting\n2,0.5\n0,3\n1,\n")
    np.testing.assert_array_equal(values(str(file)).mem, np.array([3, np.nan, 0.5], np.float32))


def test_values_train_like_a_table_of_the_same_mem(dataset: Dataset, tmp_path: Path):
    """Whole numbers and booleans are values too."""
    config = TrainConfig(method="bat", epochs=1, attack_steps=1, evaluation_steps=1, network_options={"width": 4})
    np.save(tmp_path / "counts.npy", np.arange(60) % 2)
    np.save(tmp_path / "marks.npy", np.arange(60) % 2 == 1)
    digests: set[object] = set()
    for name in ("counts", "marks"):
        found = values(str(tmp_path / f"{name}.npy"))
        folder = tmp_path / name
        train(dataset, "made", config, found, folder)
        digests.add(((folder / "checkpoints" / "last" / "weights.safetensors").read_bytes(), found.digest))
        assert (folder / "evaluation" / "last" / "samples.parquet").is_file()
    assert len(digests) == 1
    assert "does not name its dataset" in values(str(tmp_path / "marks.npy")).notes[0]


def test_exports_of_a_study_name_their_dataset(stored_study, tmp_path: Path):
    for kind in ("parquet", "arrow"):
        (tmp_path / f"scores.{kind}").write_bytes(encode(stored_study.scores, kind, "train"))
        found = values(str(tmp_path / f"scores.{kind}"))
        np.testing.assert_array_equal(found.mem, stored_study.scores["mem"])
        assert found.notes == ()
        found.require(stored_study.dataset, "made-up")
        with pytest.raises(FingerprintMismatch, match="made from another dataset than digits"):
            found.require(make_dataset(seed=9), "digits")


def test_another_number_of_samples_is_refused(dataset: Dataset, tmp_path: Path):
    np.save(tmp_path / "few.npy", VALUES[:59])
    with pytest.raises(FingerprintMismatch, match="has 59 values, but made has 60 training samples"):
        values(str(tmp_path / "few.npy")).require(dataset, "made")


def test_a_table_of_memscore_is_read_as_before(stored_study, tmp_path: Path):
    file = tmp_path / "scores.npz"
    file.write_bytes(stored_study.scores.encode())
    assert isinstance(read(str(file)), TrainingScores)
    np.testing.assert_array_equal(values(f"{file}:mem").mem, stored_study.scores["mem"])


@pytest.mark.parametrize(
    ("source", "is_file"),
    [("scores.npz", False), ("digits", False), ("http://host:1#x", False), ("a.npz:mem", True), ("a.NPY", True)],
)
def test_sources_are_told_apart(source: str, is_file: bool):
    assert is_values(source) == is_file


@pytest.mark.parametrize(
    ("name", "payload", "said"),
    [
        ("none.npy", None, "There is no file .*none.npy of scores"),
        ("text.npy", b"no array", "is not a .npy file of numbers"),
        ("archive.npy", b"PK\x05\x06" + bytes(18), "is not a .npy file of numbers"),
        ("text.csv", b"\xff\xfe\x00", "is encoded in UTF-16; save it as UTF-8"),
        ("text.arrow", b"no table", "cannot be read as Arrow"),
        ("text.parquet", b"no table", "cannot be read as Parquet"),
        ("empty.csv", b"mem\n", "has no column of numbers"),
        ("ragged.csv", b"mem,el2n\n1,2\n3\n", "1 line of .* does not have 2 fields like the line of names: line 3"),
        ("twice.csv", b"mem,mem\n1,2\n", "Two columns are named 'mem'; rename one"),
        ("words.csv", b"mem\nhigh\nlow\n", "has no column of numbers"),
        ("two.csv", b"a,b\n1,2\n", r"has several columns of numbers; name one as .*two.csv:COLUMN \(a, b\)"),
        ("two.csv:c", b"a,b\n1,2\n", r"has no column of numbers 'c'; name one as .*:COLUMN \(a, b\)"),
        ("gaps.csv", b"index,mem\n0,1\n2,1\n", "must have each number from 0 to 1 once"),
        ("infinite.csv", b"mem\n1\ninf\n", "Value 1 of .* is infinite"),
        ("nothing.csv", b"mem\nnan\n\n nan\n", "has no number: all values are NaN"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path: Path, name: str, payload: bytes | None, said: str):
    if payload is not None:
        (tmp_path / name.partition(":")[0]).write_bytes(payload)
    with pytest.raises(InvalidInput, match=said) as raised:
        read(str(tmp_path / name))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((3, 2)), "holds 3 x 2 of float64; give one number for each training sample"),
        (np.array(1.0), "holds a single value of float64"),
        (np.array(["a"]), "holds 1 of <U1"),
        (np.array([1e300]), "Value 0 of .* is infinite"),
        (np.array([None], object), "is not a .npy file of numbers"),
    ],
)
def test_a_wrong_array_is_refused(tmp_path: Path, array: np.ndarray, said: str):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(InvalidInput, match=said):
        read(str(tmp_path / "a.npy"))


def test_an_archive_without_that_array_is_refused(tmp_path: Path):
    np.savez(tmp_path / "a.npz", el2n=VALUES)
    with pytest.raises(InvalidInput, match="has no array 'forgetting'"):
        read(f"{tmp_path / 'a.npz'}:forgetting")
    with pytest.raises(InvalidInput, match=r"For values of your own, name their array: .*a\.npz:KEY\."):
        read(str(tmp_path / "a.npz"))
