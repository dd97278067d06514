"""The published layout: what is written is read again, and a file that does not fit is refused with the reason."""

import io
import zipfile
from typing import Any

import numpy as np
import pytest

from memscore.errors import InvalidInput
from memscore.exchange.feldman_zhang import FeldmanZhangScores, imported_id, published_of, tables_of
from memscore.scores.sets import split
from memscore.scores.tables import PAIRS_FLOOR, PairsTable, ScoreTable
from memscore.study.evidence import unpack_trials
from memscore.study.spec import Design
from tests.conftest import build, make_dataset, make_trials

DESIGN = Design()


@pytest.fixture(scope="module")
def made():
    """A dataset, the tables of 40 trials, and the arrays of the file with the same scores."""
    dataset = make_dataset()
    trials = make_trials(dataset, DESIGN, blocks=4)
    evidence = unpack_trials(trials, DESIGN, 60, 20)
    parts = [evidence.select(slice(0, 10)), evidence.select(slice(10, 40))]
    published = published_of(parts, dataset.y_train, dataset.y_test)
    with np.load(io.BytesIO(published.encode()), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return dataset, *build(dataset, trials, DESIGN, "a" * 16), arrays


def encoded(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_a_file_has_the_published_keys_and_our_scores(made):
    dataset, scores, _, arrays = made
    assert set(arrays) == {"tr_mem", "tr_labels", "tt_labels"} | {
        name + str(label) for label in range(3) for name in ("tr_classidx_", "tt_classidx_", "infl_matrix_class")
    }
    np.testing.assert_array_equal(arrays["tr_mem"], scores["mem"])
    for label in range(3):
        rows, columns = arrays[f"tr_classidx_{label}"], arrays[f"tt_classidx_{label}"]
        np.testing.assert_array_equal(rows, np.flatnonzero(dataset.y_train == label))
        assert arrays[f"infl_matrix_class{label}"].shape == (len(rows), len(columns))


def test_an_import_gives_the_scores_pairs_and_sets_of_the_study(made):
    dataset, scores, pairs, arrays = made
    published = FeldmanZhangScores.decode(encoded(arrays), dataset.y_train, dataset.y_test)
    imported, imported_pairs = tables_of(published, "b" * 16, dataset.fingerprint)
    for column in ("mem", "label", "test_label", "test_infl_max", "test_infl_index"):
        np.testing.assert_array_equal(imported[column], scores[column])
    for column in ("train_index", "test_index", "infl", "mem"):
        np.testing.assert_array_equal(imported_pairs[column], pairs[column])
    for column in ("se", "mem_low", "mem_high", "p_in", "p_out", "test_p"):
        assert np.isnan(imported[column]).all()
    assert np.isnan(imported_pairs["q_value"]).all()
    assert imported.trials == 0
    assert imported.meta["source"] == "feldman-zhang npz"
    assert "without standard errors" in imported.warnings[0]
    assert ScoreTable.decode(imported.encode()).digest == imported.digest
    assert PairsTable.decode(imported_pairs.encode()).digest == imported_pairs.digest
    ours, theirs = split(scores, pairs), split(imported, imported_pairs)
    for name in ("train_atypical", "train_typical", "test_atypical"):
        np.testing.assert_array_equal(getattr(theirs, name), getattr(ours, name))
    assert not theirs.test_typical.any()


def test_classes_may_be_listed_in_any_order(made):
    dataset, _, pairs, arrays = made
    random = np.random.default_rng(0)
    shuffled = dict(arrays)
    for label in range(3):
        rows = random.permutation(len(arrays[f"tr_classidx_{label}"]))
        columns = random.permutation(len(arrays[f"tt_classidx_{label}"]))
        shuffled[f"tr_classidx_{label}"] = arrays[f"tr_classidx_{label}"][rows]
        shuffled[f"tt_classidx_{label}"] = arrays[f"tt_classidx_{label}"][columns]
        shuffled[f"infl_matrix_class{label}"] = arrays[f"infl_matrix_class{label}"][np.ix_(rows, columns)].astype(
            np.float64, order="F"
        )
    _, again = tables_of(FeldmanZhangScores.decode(encoded(shuffled), dataset.y_train, dataset.y_test), "b" * 16, "f")
    np.testing.assert_array_equal(again["infl"], pairs["infl"])
    np.testing.assert_array_equal(again["train_index"], pairs["train_index"])


def test_a_pair_at_the_floor_is_kept_in_single_precision(made):
    dataset, _, _, arrays = made
    changed = arrays | {"infl_matrix_class0": np.full((20, 7), PAIRS_FLOOR, np.float32)}
    _, pairs = tables_of(FeldmanZhangScores.decode(encoded(changed), dataset.y_train, dataset.y_test), "b" * 16, "f")
    assert (pairs["infl"] == np.float32(PAIRS_FLOOR)).sum() >= 140


def test_undefined_scores_stay_undefined_and_are_counted(made):
    dataset, _, _, arrays = made
    mem, infl = arrays["tr_mem"].copy(), arrays["infl_matrix_class0"].copy()
    mem[:2] = np.nan
    infl[:, 0] = np.nan
    changed = arrays | {"tr_mem": mem, "infl_matrix_class0": infl}
    scores, pairs = tables_of(
        FeldmanZhangScores.decode(encoded(changed), dataset.y_train, dataset.y_test), "b" * 16, "f"
    )
    assert np.isnan(scores["mem"][:2]).all()
    assert scores["test_infl_index"][0] == -1
    assert np.isnan(scores["test_infl_max"][0])
    assert not np.isnan(pairs["infl"]).any()
    assert "2 samples is undefined" in scores.warnings[1]


def swap(labels: np.ndarray) -> np.ndarray:
    changed = labels.copy()
    changed[[4, 5]] = changed[[5, 4]]
    return changed


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda a: {"tr_labels": swap(a["tr_labels"])},
            "first at index 4: 2 in the file, 1 in the dataset; the samples",
        ),
        (lambda _: {"tt_labels": np.zeros(20, np.int64)}, "labels of 13 test samples differ"),
        (lambda a: {"tr_labels": a["tr_labels"][:-1]}, "59 training samples and the dataset 60"),
        (lambda a: {"tr_labels": a["tr_labels"].astype(float)}, "tr_labels holds floating-point numbers, not whole"),
        (lambda a: {"tr_labels": a["tr_labels"][:, None]}, "tr_labels has the shape [60, 1], not [any]"),
        (lambda _: {"tr_mem": None}, "tr_mem is missing"),
        (lambda a: {"tr_mem": a["tr_mem"][:-1]}, "tr_mem has the shape [59], not [60]"),
        (lambda a: {"tr_mem": a["tr_mem"] + 1.5}, "outside [-1, 1]"),
        (lambda _: {"tr_mem": np.full(60, -np.inf)}, "60 values of tr_mem are outside"),
        (lambda _: {"tr_mem": np.full(60, np.nan)}, "every value of tr_mem is NaN"),
        (lambda a: {"tr_mem": a["tr_mem"].astype(object)}, "tr_mem holds Python objects"),
        (lambda a: {"tr_mem": a["tr_mem"].astype(complex)}, "tr_mem holds complex128"),
        (lambda a: {"tr_classidx_1": a["tr_classidx_1"] + 1}, "tr_classidx_1 does not hold exactly the indices"),
        (lambda a: {"tt_classidx_1": np.repeat(a["tt_classidx_1"][:1], 7)}, "tt_classidx_1 does not hold"),
        (lambda _: {"tr_classidx_2": None}, "tr_classidx_2 is missing"),
        (lambda _: {"infl_matrix_class2": None}, "infl_matrix_class2 is missing"),
        (lambda a: {"infl_matrix_class1": a["infl_matrix_class1"].T}, "shape [7, 20], not [20, 7]"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(made, change, sentence: str):
    dataset, _, _, arrays = made
    changed = {name: array for name, array in (arrays | change(arrays)).items() if array is not None}
    with pytest.raises(InvalidInput) as error:
        FeldmanZhangScores.decode(encoded(changed), dataset.y_train, dataset.y_test)
    assert sentence in str(error.value)


def test_a_file_cut_off_anywhere_is_refused(made):
    dataset, _, _, arrays = made
    payload = encoded(arrays)
    for length in (0, 3, 100, len(payload) // 2, len(payload) - 30):
        with pytest.raises(InvalidInput, match="not a usable Feldman-Zhang score file"):
            FeldmanZhangScores.decode(payload[:length], dataset.y_train, dataset.y_test)
    for position in range(0, len(payload), 97):  # a flipped byte is noticed by the archive, or changes no score
        damaged = bytearray(payload)
        damaged[position] ^= 255
        try:
            read = FeldmanZhangScores.decode(bytes(damaged), dataset.y_train, dataset.y_test)
        except InvalidInput:
            continue
        np.testing.assert_array_equal(read.mem, arrays["tr_mem"])


def test_a_header_that_promises_more_than_there_is_asks_for_no_memory(made):
    dataset = made[0]
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<i8", "fortran_order": False, "shape": (2**50,)})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("tr_labels.npy", header.getvalue())
    with pytest.raises(InvalidInput, match="take much more memory than a file of this size"):
        FeldmanZhangScores.decode(buffer.getvalue(), dataset.y_train, dataset.y_test)


def test_an_imported_study_is_named_after_file_and_dataset():
    assert imported_id("a", "1") == imported_id("a", "1")
    assert len({imported_id("a", "1"), imported_id("b", "1"), imported_id("a", "2")}) == 3
    assert len(imported_id("a", "1")) == 16
