"""CSV and Parquet files: which columns are what, features, images, labels, and what is refused in which words."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from memscore.datasets import Dataset, SourceOptions, load_source
from memscore.datasets import tables as tables_module
from memscore.errors import InvalidDataset
from tests.pictures import pixels, png

ROWS = 40


def columns(**changes: Any) -> dict[str, Any]:
    """A table of people; None leaves a column out."""
    random = np.random.default_rng(0)
    made = {
        "id": [f"p{row:02}" for row in range(ROWS)],
        "age": random.normal(50, 9, ROWS).round(3).tolist(),
        "city": random.choice(["Bern", "Oslo", "Rome"], ROWS).tolist(),
        "smokes": random.choice([True, False], ROWS).tolist(),
        "label": [("no", "yes")[row % 2] for row in range(ROWS)],
        **changes,
    }
    return {name: values for name, values in made.items() if values is not None}


def write_csv(path: Path, table: dict[str, Any], delimiter: str = ",") -> Path:
    lines = [table.keys(), *zip(*table.values(), strict=True)]
    path.write_text("".join(f"{delimiter.join('' if one is None else str(one) for one in line)}\n" for line in lines))
    return path


def csv_of(path: Path, table: dict[str, Any], **options: Any) -> Dataset:
    return load_source(f"csv:{write_csv(path, table)}", SourceOptions(**options))


def parquet_of(path: Path, table: dict[str, Any], **options: Any) -> Dataset:
    parquet.write_table(pa.table(table), path)
    return load_source(f"parquet:{path}", SourceOptions(**options))


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(InvalidDataset) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("of", [csv_of, parquet_of])
def test_numbers_categories_and_booleans_become_features(tmp_path: Path, of: Callable[..., Dataset]):
    table = columns()
    dataset = of(tmp_path / "people", table)
    assert dataset.kind == "features"
    assert dataset.x_train.shape == (ROWS, 5)
    assert dataset.class_names == ("no", "yes")
    assert dataset.y_train.tolist() == [0, 1] * (ROWS // 2)
    age = np.array(table["age"])
    assert np.allclose(dataset.x_train[:, 0], (age - age.mean()) / age.std(), atol=1e-5)
    for place, city in enumerate(("Bern", "Oslo", "Rome"), start=1):
        assert ((dataset.x_train[:, place] > 0) == (np.array(table["city"]) == city)).all()
    assert ((dataset.x_train[:, 4] > 0) == np.array(table["smokes"])).all()
    assert dataset.columns.name_of("train", 3) == "p03"
    assert dataset.columns.train["age"].tolist() == table["age"]
    assert dataset.columns.train["city"].tolist() == table["city"]
    said = " ".join(dataset.notes)
    assert "labels in 'label', ids in 'id'" in said
    assert "1 column (city) became a feature for each value" in said
    assert "There is no test part" in said


def test_csv_and_parquet_of_the_same_table_are_the_same_dataset(tmp_path: Path):
    assert csv_of(tmp_path / "a", columns()).fingerprint == parquet_of(tmp_path / "b", columns()).fingerprint


def test_many_categories_become_their_share_of_the_training_rows(tmp_path: Path):
    names = [f"town {row % 60}" for row in range(240)]
    names[0] = "town 1"
    table = {"town": names, "label": [row % 3 for row in range(240)], "split": ["train", "train", "train", "test"] * 60}
    dataset = csv_of(tmp_path / "towns.csv", table)
    assert dataset.x_train.shape == (180, 1)
    train = [name for name, part in zip(names, table["split"], strict=True) if part == "train"]
    shares = np.array([train.count(name) for name in train]) / 180
    assert np.allclose(dataset.x_train[:, 0], (shares - shares.mean()) / shares.std(), atol=1e-4)
    assert any("became the share of training rows with the same value: over 50 values" in one for one in dataset.notes)


def test_missing_values_are_filled_and_said(tmp_path: Path):
    table = columns()
    table["age"][3] = table["city"][5] = None
    for of in (csv_of, parquet_of):
        dataset = of(tmp_path / "people", table)
        assert any("missing or infinite training values became the medians" in one for one in dataset.notes)
        assert dataset.x_train.shape == (ROWS, 6)  # a fourth city: none


def test_a_row_number_and_a_copy_of_the_labels_are_no_features(tmp_path: Path):
    repeated = ["negative" if row % 2 == 0 else "positive" for row in range(ROWS)]
    dataset = csv_of(tmp_path / "a.csv", columns(answer=repeated, code=[7 * (row % 2) for row in range(ROWS)]))
    assert dataset.x_train.shape == (ROWS, 5)
    assert "2 columns (answer, code) were not used, since each says the same as the labels." in dataset.notes
    assert dataset.columns.train["answer"].tolist() == repeated
    counted = csv_of(tmp_path / "b.csv", {**columns(id=None), "row": list(range(5, ROWS + 5))})
    assert "1 column (row) was not used, since it numbers the rows." in counted.notes
    unnamed = csv_of(tmp_path / "c.csv", {"": list(range(ROWS)), **columns(id=None)})
    assert unnamed.columns.name_of("train", 4) == "4"
    assert unnamed.x_train.shape == (ROWS, 5)


def test_a_feature_that_tells_the_labels_is_pointed_out(tmp_path: Path):
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, ROWS)
    table = {"honest": random.normal(size=ROWS), "score": labels + random.uniform(0, 0.9, ROWS), "label": labels}
    dataset = parquet_of(tmp_path / "a.parquet", table)
    assert dataset.x_train.shape == (ROWS, 2)
    assert any(one.startswith("All labels can be told from score alone") for one in dataset.notes)


def test_embeddings_with_texts(tmp_path: Path):
    vectors = np.random.default_rng(0).normal(size=(ROWS, 16)).astype(np.float32)
    table = columns(city=None, smokes=None, embedding=list(vectors), text=[f"remark {row}" for row in range(ROWS)])
    dataset = parquet_of(tmp_path / "texts.parquet", table)
    assert dataset.x_train.shape == (ROWS, 16)
    assert np.allclose(dataset.x_train, (vectors - vectors.mean(0)) / vectors.std(0), atol=1e-4)
    assert dataset.columns.train["text"][3] == "remark 3"
    assert "Only the lists of numbers in embedding are features; age was not used." in dataset.notes
    fixed = pa.array(list(vectors), pa.list_(pa.float32(), 16))
    assert parquet_of(tmp_path / "b.parquet", {**table, "embedding": fixed}).fingerprint == dataset.fingerprint


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Any]:
    """A table of paths of images in all usual modes, in a folder beside the table."""
    folder = tmp_path / "images"
    folder.mkdir()
    modes = ("RGB", "L", "P", "RGBA", "CMYK")
    for row in range(ROWS):
        mode = modes[row % len(modes)]
        Image.fromarray(pixels(row)).convert(mode).save(folder / f"{row}.{'jpg' if mode == 'CMYK' else 'png'}")
    files = sorted(folder.iterdir(), key=lambda path: int(path.stem))
    return {
        "file": [f"images/{path.name}" for path in files],
        "class": [row % 4 for row in range(ROWS)],
        "camera": [f"camera {row % 3}" for row in range(ROWS)],
        "split": [("train", "train", "train", "val")[row % 4 if row < 36 else row % 3] for row in range(ROWS)],
    }


def test_paths_of_images_in_mixed_modes(tmp_path: Path, pictures: dict[str, Any]):
    pictures["class"] = [row // 4 % 2 for row in range(ROWS)]
    dataset = csv_of(tmp_path / "list.csv", pictures)
    assert dataset.kind == "images"
    assert dataset.x_train.shape == (31, 6, 5, 3)
    assert (dataset.x_train[0] == pixels(0)).all()
    assert dataset.x_test.shape == (9, 6, 5, 3)
    assert dataset.columns.name_of("train", 0) == "images/0.png"
    assert dataset.columns.train["camera"][1] == "camera 1"
    said = " ".join(dataset.notes)
    assert "labels in 'class', the parts in 'split', images in 'file'" in said
    assert "The validation rows, 9, are the test part." in said
    assert "The transparency of 8 images was dropped." in said
    assert "Images converted to colour: 8 CMYK, 8 grey, 8 with a palette." in said


def test_rows_without_a_readable_image_are_left_out_with_their_columns(tmp_path: Path, pictures: dict[str, Any]):
    (tmp_path / "images" / "7.png").unlink(missing_ok=True)
    pictures = {**pictures, "split": ["train"] * ROWS}
    dataset = csv_of(tmp_path / "list.csv", pictures)
    assert len(dataset.y_train) == ROWS - 1
    assert dataset.y_train.tolist() == [row % 4 for row in range(ROWS) if row != 7]
    assert dataset.columns.name_of("train", 7) == pictures["file"][8]
    assert any("1 of 40 files cannot be read as images and was left out: images/7.png (there is" in one
               for one in dataset.notes)  # fmt: skip


def test_bytes_of_images(tmp_path: Path):
    table = {"picture": [png(row) for row in range(ROWS)], "label": [row % 2 for row in range(ROWS)]}
    dataset = parquet_of(tmp_path / "a.parquet", table, test_share=0.25)
    assert dataset.x_train.shape == (30, 6, 5, 3)
    assert dataset.x_test.shape == (10, 6, 5, 3)
    assert any((dataset.x_train[0] == pixels(row)).all() for row in range(ROWS))
    assert load_source(f"parquet:{tmp_path / 'a.parquet'}", SourceOptions(resize=4)).x_train.shape[1:] == (4, 4, 3)


def test_options_name_the_columns(tmp_path: Path):
    table = columns(
        label=[row % 5 for row in range(ROWS)], label2=["a", "b"] * 20, visit=[row // 4 for row in range(ROWS)]
    )
    dataset = csv_of(tmp_path / "a.csv", table, label="label2", text="city", id="id", group="visit", split=None)
    assert dataset.class_names == ("a", "b")
    assert dataset.columns.train["text"].tolist() == table["city"]
    assert dataset.columns.train["group"].tolist() == [str(row // 4) for row in range(ROWS)]
    assert dataset.x_train.shape == (ROWS, 3)  # age, smokes, and label, which is now a number as any other


def test_labels_of_every_kind(tmp_path: Path):
    expected = [0, 1] * (ROWS // 2)
    for labels in ([3, 9] * 20, [1, 2] * 20, [False, True] * 20, ["a", "b"] * 20, [-1, 1] * 20):
        for of in (csv_of, parquet_of):
            assert of(tmp_path / "a", columns(label=labels)).y_train.tolist() == expected
    hot = {"cat": [1, 0] * 20, "dog": [0, 1] * 20}
    dataset = csv_of(tmp_path / "a.csv", {**columns(label=None), **hot}, label="cat,dog")
    assert dataset.y_train.tolist() == expected
    assert dataset.class_names == ("cat", "dog")
    listed = parquet_of(tmp_path / "b.parquet", columns(label=[[1, 0], [0, 1]] * 20))
    assert listed.y_train.tolist() == expected


def test_other_delimiters_decimal_commas_and_gzip(tmp_path: Path):
    plain = csv_of(tmp_path / "a.csv", columns())
    written = write_csv(
        tmp_path / "b.csv", {**columns(), "age": [str(one).replace(".", ",") for one in columns()["age"]]}, ";"
    )
    semicolons = load_source(f"csv:{written}")
    assert semicolons.fingerprint == plain.fingerprint
    assert "Columns are separated by semicolons." in semicolons.notes
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    assert load_source(f"csv:{tmp_path / 'c.csv.gz'}").fingerprint == plain.fingerprint
    (tmp_path / "d.csv").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "a.csv").read_bytes())
    assert load_source(f"csv:{tmp_path / 'd.csv'}").fingerprint == plain.fingerprint


def test_ids_keep_their_zeros(tmp_path: Path):
    dataset = csv_of(tmp_path / "a.csv", columns(id=[f"{row:04}" for row in range(ROWS)]))
    assert dataset.columns.name_of("train", 7) == "0007"


@pytest.mark.parametrize(
    ("change", "options", "sentence"),
    [
        ({"label": None}, {}, "No column of FILE is named label, class or target; say with --label which has the"),
        ({}, {"label": "lable"}, "There is no column 'lable' in FILE, which --label names; did you mean 'label'?"),
        ({}, {"group": "zzz"}, "There is no column 'zzz' in FILE, which --group names; its columns are: id, age"),
        ({}, {"id": "label"}, "The column 'label' cannot be both --label and --id."),
        ({"id": ["p"] * ROWS}, {}, "The column 'id' has 'p' in rows 1 and 2, but each sample needs its own id"),
        ({}, {"id": "city"}, "The column 'city' has 'Bern' in rows 3 and 4, but"),
        ({"label": ["a"] * 39 + [None]}, {}, "1 row of FILE has no label in the column 'label', the first is row 40;"),
        ({"label": [0.5, 1.5] * 20}, {}, "The column 'label' has fractions, such as 0.5; labels must be"),
        ({"label": [1.0, 2.0] * 20}, {}, "The column 'label' has numbers with a decimal point, such as 1.0; write"),
        ({"label": [f"v{row}" for row in range(ROWS)]}, {}, "The column 'label' has 40 different values in 40 rows"),
        ({"label": ["a"] * ROWS}, {}, "There are 40 training samples of 1 class;"),
        ({"split": ["train", "tset"] * 20}, {"split": "split"}, "The column 'split' has 'tset' in row 2; its"),
        ({"split": ["test"] * ROWS}, {}, "FILE has no rows for training."),
        ({"split": ["train", "train", "test", "train"] * 10}, {"test_share": 0.2}, "FILE has a test part; --test"),
        ({}, {"resize": 32}, "FILE has no images; --resize is for images."),
        ({"age": [f"{row}" for row in range(39)] + ["?"], "city": None, "smokes": None}, {}, None),
        ({"age": None, "city": None, "smokes": None}, {}, "No column of FILE is left to learn from: texts"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used_is_refused_with_a_sentence(
    tmp_path: Path, change: dict[str, Any], options: dict[str, Any], sentence: str | None
):
    path = tmp_path / "a.csv"
    if sentence is None:  # few rows with one text among numbers are categories
        assert csv_of(path, columns(**change), **options).x_train.shape == (ROWS, ROWS)
        return
    said = refusal(lambda: csv_of(path, columns(**change), **options)).replace(str(path), "FILE")
    assert said.startswith(sentence), said


def test_numbers_with_texts_among_them_are_refused(tmp_path: Path):
    ages: list[object] = [round(0.1 * row, 1) for row in range(200)]
    ages[16] = "about 40"
    table = {"age": ages, "label": [row % 2 for row in range(200)]}
    assert refusal(lambda: csv_of(tmp_path / "a.csv", table)) == (
        "The column 'age' mixes numbers with texts, such as 'about 40' in row 17; correct these, or leave them empty."
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "FILE is empty."),
        (b"\n\n", "FILE is empty."),
        (b"a,label\n", "FILE has no rows."),
        (
            b"a,label\n1,x\n1,2,y\n1,x\n1\n",
            "2 lines of FILE do not have 2 fields like the line of names: line 3, 5;",
        ),
        (b"a,b,label\n1,2,x\n1,x\n", "1 line of FILE does not have 3 fields like the line of names: line 3;"),
        (b"a,a,label\n1,2,x\n", "Two columns are named 'a'; rename one."),
        (b"5.1,3.5,0\n4.9,3.0,1\n", "The first line of FILE must name the columns, but it has 5.1, 3.5, 0;"),
        ("a,label\n1,caf\xe9\n".encode("latin-1"), "Line 2 of FILE is not UTF-8; save it as UTF-8, such as by: iconv"),
        ("a,label\n1,x\n".encode("utf-16"), "FILE is encoded in UTF-16; save it as UTF-8."),
        (b"PK\x03\x04\x00\x00", "FILE is not a text file"),
    ],
)
def test_a_file_that_is_no_good_csv_is_refused_with_a_sentence(tmp_path: Path, content: bytes, sentence: str):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    said = refusal(lambda: load_source(f"csv:{path}")).replace(str(path), "FILE")
    assert said.startswith(sentence), said


def test_a_file_that_does_not_fit_into_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import psutil

    path = write_csv(tmp_path / "a.csv", columns())
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 2_000}))
    assert "of free memory; give fewer rows" in refusal(lambda: load_source(f"csv:{path}"))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 100}))
    monkeypatch.setattr(tables_module, "MEMORY_SHARE", 0)
    said = refusal(lambda: parquet_of(tmp_path / "a.parquet", columns()))
    assert "use fewer rows or columns" in said


def test_files_name_the_images_that_another_column_has(tmp_path: Path):
    """As the corrected dataset of images is written, whose samples are called by the files that they came from."""
    images = [png(i) for i in range(30)]
    names = [f"scanner/{i}.png" for i in range(30)]
    table = pa.table({"image": images, "label": [i % 3 for i in range(30)], "file": names})
    parquet.write_table(table, tmp_path / "with.parquet")
    read = load_source(f"parquet:{tmp_path / 'with.parquet'}")
    assert read.columns.part("train")["id"].tolist() == names
    lengths = pa.table({"path": [0.5 * i for i in range(30)], "label": [i % 3 for i in range(30)]})
    parquet.write_table(lengths, tmp_path / "numbers.parquet")
    numbers = load_source(f"parquet:{tmp_path / 'numbers.parquet'}")
    assert numbers.x_train.shape[-1] == 1  # a number is a feature, whatever it is called


def test_a_parquet_file_that_cannot_be_read_is_refused(tmp_path: Path):
    path = tmp_path / "a.parquet"
    assert refusal(lambda: load_source(f"parquet:{path}")).startswith(f"There is no file {path};")
    path.write_bytes(b"PAR1 and then nothing")
    assert refusal(lambda: load_source(f"parquet:{path}")).startswith(f"{path} cannot be read as Parquet (")
    assert refusal(lambda: load_source(f"parquet:{tmp_path}")).startswith(f"{tmp_path} is a folder; write huggingface:")
    assert refusal(lambda: load_source(f"csv:{tmp_path}")).startswith(f"There is no file {tmp_path};")


def test_ragged_lists_and_lists_of_texts_are_refused_with_their_row(tmp_path: Path):
    vectors: list[Any] = [[1.0, 2.0 + row] for row in range(ROWS)]
    vectors[16] = [1.0]
    assert refusal(lambda: parquet_of(tmp_path / "a", columns(v=vectors))) == (
        "Row 17 of the column 'v' has 1 values where the first row has 2; all rows need as many."
    )
    assert refusal(lambda: parquet_of(tmp_path / "a", columns(v=[["x", "y"]] * ROWS))).startswith(
        "The column 'v' has lists of string; lists must be of numbers."
    )
    absent: list[Any] = [None, *[[1.0, 2.0]] * (ROWS - 1)]
    assert refusal(lambda: parquet_of(tmp_path / "a", columns(v=absent))) == (
        "The column 'v' has no value in some rows; leave these out."
    )


def test_addresses_of_images_are_refused(tmp_path: Path):
    table = {"url": [f"https://example.org/{row}.png" for row in range(ROWS)], "label": [0, 1] * 20}
    assert refusal(lambda: csv_of(tmp_path / "a.csv", table)).startswith(
        "Row 1 of the column 'url' has the address https"
    )


def test_paths_from_another_folder_are_refused_with_the_one_they_start_at(tmp_path: Path):
    table = {"file": [f"photos/{row}.png" for row in range(ROWS)], "label": [0, 1] * 20}
    assert refusal(lambda: csv_of(tmp_path / "a.csv", table)) == (
        f"The column 'file' names 40 files, and none exists, for example {tmp_path / 'photos' / '0.png'}; "
        f"relative paths start at {tmp_path}. Give full paths, or paths from there."
    )
