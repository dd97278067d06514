"""Sources written again with corrected labels: their own rows, columns, arrays and files, and nothing else changed."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from memscore.datasets import SourceOptions, load_source
from memscore.datasets.forgotten import Forgotten
from memscore.datasets.frames import dataset_of
from memscore.datasets.huggingface import parts_of
from memscore.datasets.rewriting import rewrite, rewritten_frames
from memscore.errors import InvalidInput
from tests.memscore.datasets.hugging_face import save as save_part
from tests.memscore.datasets.hugging_face import table as part_of_rows
from tests.pictures import png

NAMES = ("ant", "bee", "cat")


def again(source: str, path: Path, changes: dict[int, Any], **options: Any) -> tuple[str, ...]:
    """Write a source again; the notes."""
    chosen = SourceOptions(**options)
    return rewrite(load_source(source, chosen), source, path, changes, chosen)[1]


def photos(folder: Path) -> Path:
    """A CSV file of 24 images, as a person would write it, with validation rows and a class number beside its name."""
    lines = ["picture;species;number;when;note;split"]
    for row in range(24):
        file = folder / f"{NAMES[row % 3]} {row}.png"
        file.write_bytes(png(row))
        part = "val" if row == 5 else "test" if row >= 20 else "train"
        lines.append(f'{file.name};{NAMES[row % 3]};{7 + row % 3};007;"a ""quoted""; note";{part}')
    path = folder / "photos.csv"
    path.write_bytes("\r\n".join([*lines[:10], "", *lines[10:], ""]).encode("utf-8-sig"))
    return path


def cells(path: Path, delimiter: str = ";") -> list[list[str]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return list(csv.reader(text.split("\r\n" if "\r\n" in text else "\n"), delimiter=delimiter))


def test_a_csv_of_paths_keeps_its_columns_delimiter_and_line_ends(tmp_path: Path):
    path = photos(tmp_path)
    before = [line for line in cells(path) if line]
    options: dict[str, Any] = {"label": "species", "image": "picture"}
    notes = again(f"csv:{path}", tmp_path / "fixed.csv", {0: "cat", 1: None, 5: 2}, **options)
    assert notes == ("The column 'number' says the same as the labels, and was changed with them.",)
    after = [line for line in cells(tmp_path / "fixed.csv") if line]
    before[0] = after[0]  # but for the mark at the start of the file
    before[1][1:3] = ["cat", "9"]
    before[7][1:3] = ["cat", "9"]  # the sixth sample is the seventh row: one is for validation
    assert after == [*before[:2], *before[3:]]
    assert b"\r\n" in (tmp_path / "fixed.csv").read_bytes()
    corrected = load_source(f"csv:{tmp_path / 'fixed.csv'}", SourceOptions(**options))
    assert corrected.columns.train["file"].tolist()[:2] == ["ant 0.png", "cat 2.png"]


def test_a_packed_csv_stays_packed_and_paths_from_elsewhere_are_said(tmp_path: Path):
    folder = tmp_path / "photos"
    folder.mkdir()
    path = photos(folder)
    packed = folder / "photos.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    notes = again(f"csv:{packed}", tmp_path / "fixed.csv.gz", {0: 1}, label="species", image="picture")
    assert f"The paths of the images still start at {folder}; move the file there before you add it." in notes
    assert cells(tmp_path / "fixed.csv.gz")[1][1] == "bee"


def test_a_share_for_testing_stays_where_it_was(tmp_path: Path):
    path = tmp_path / "flowers.csv"
    rows = [(f"{row},{row % 7}.50,NA,{NAMES[row % 3]}") for row in range(60)]
    path.write_text("\n".join(["key,petal,sepal,kind", *rows, ""]))
    options: dict[str, Any] = {"label": "kind", "id": "key", "test_share": 0.2}
    dataset = load_source(f"csv:{path}", SourceOptions(**options))
    names = dataset.columns.names("train")
    assert names is not None
    again(f"csv:{path}", tmp_path / "fixed.csv", {4: None, 9: "ant"}, **options)
    after = {line[0]: line[1:] for line in cells(tmp_path / "fixed.csv", ",")[1:] if line}
    expected = {str(row): [f"{row % 7}.50", "NA", NAMES[row % 3]] for row in range(60)}
    del expected[str(names[4])]
    expected[str(names[9])][2] = "ant"
    assert after == expected


def test_only_the_cells_of_changed_labels_differ_byte_by_byte(tmp_path: Path):
    """Whatever the file has: quotes, blank lines, line ends within cells, alone or at the end, and no last one."""
    path = tmp_path / "odd.tsv"
    lines = [f'"{row}"\t{row / 7:.3f}\t"a\rb ""{row}"""\t {NAMES[row % 3]}' for row in range(30)]
    text = '\ufeffkey\tpetal\t"note"\tlabel\r' + "\r\n\r\n".join(lines[:20]) + "\n" + "\n".join(lines[20:])
    path.write_bytes(text.encode())
    again(f"csv:{path}", tmp_path / "same.tsv", {}, id="key")
    assert (tmp_path / "same.tsv").read_bytes() == path.read_bytes()
    again(f"csv:{path}", tmp_path / "fixed.tsv", {3: "cat", 29: None}, id="key")
    expected = text.replace(lines[3], lines[3].replace("ant", "cat")).replace(lines[29], "")
    assert (tmp_path / "fixed.tsv").read_bytes() == expected.encode()
    changed = load_source(f"csv:{tmp_path / 'fixed.tsv'}", SourceOptions(id="key"))
    assert changed.columns.own_name("train", 28) == "28"


def test_parquet_keeps_types_and_one_hot_labels(tmp_path: Path):
    path = tmp_path / "some.parquet"
    random = np.random.default_rng(0)
    columns: dict[str, Any] = {name: [int(row % 3 == place) for row in range(30)] for place, name in enumerate(NAMES)}
    columns |= {"embedding": random.normal(size=(30, 4)).tolist(), "when": pa.array(range(30), pa.timestamp("s"))}
    parquet.write_table(pa.table(columns).replace_schema_metadata({"mine": "kept"}), path)
    again(f"parquet:{path}", tmp_path / "fixed.parquet", {0: "cat", 7: None}, label="ant,bee,cat")
    before, after = parquet.read_table(path), parquet.read_table(tmp_path / "fixed.parquet")
    assert after.schema.equals(before.schema, check_metadata=True)
    rows = [row for number, row in enumerate(before.to_pylist()) if number != 7]
    rows[0] |= {"ant": 0, "bee": 0, "cat": 1}
    assert after.to_pylist() == rows


def test_parquet_keeps_its_compression_groups_and_types_without_functions(tmp_path: Path):
    path = tmp_path / "some.parquet"
    names = pa.array([NAMES[row % 3] for row in range(30)], pa.string_view())
    table = pa.table({"x": [row / 7 for row in range(30)], "label": names})
    parquet.write_table(table, path, compression="zstd", row_group_size=8)
    again(f"parquet:{path}", tmp_path / "fixed.parquet", {0: "cat", 5: None})
    written = parquet.read_metadata(tmp_path / "fixed.parquet")
    assert (written.row_group(0).column(0).compression, written.row_group(0).num_rows) == ("ZSTD", 8)
    after = parquet.read_table(tmp_path / "fixed.parquet")
    assert after.schema.field("label").type == parquet.read_table(path).schema.field("label").type
    assert after["label"].to_pylist()[:6] == ["cat", "bee", "cat", "ant", "bee", "ant"]


def test_dictionary_labels_stay_so(tmp_path: Path):
    path = tmp_path / "some.parquet"
    kinds = pa.array([NAMES[row % 3] for row in range(30)]).dictionary_encode()
    parquet.write_table(pa.table({"x": [row / 7 for row in range(30)], "label": kinds}), path)
    again(f"parquet:{path}", tmp_path / "fixed.parquet", {3: "bee"})
    after = parquet.read_table(tmp_path / "fixed.parquet")
    assert after.schema.field("label").type == kinds.type
    assert after["label"].to_pylist()[:5] == ["ant", "bee", "cat", "bee", "bee"]


def saved(folder: Path) -> Path:
    save_part(folder / "train", part_of_rows(12), part_of_rows(12, first=12))
    save_part(folder / "test", part_of_rows(6, first=100))
    save_part(folder / "unsupervised", part_of_rows(3, first=200))
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test", "unsupervised"]}))
    return folder


def test_a_saved_hugging_face_dataset_is_saved_again(tmp_path: Path):
    folder, fixed = saved(tmp_path / "animals"), tmp_path / "fixed"
    again(f"huggingface:{folder}", fixed, {0: "owl", 13: None})
    before, after = parts_of(folder), parts_of(fixed)
    rows = before[0].table.to_pylist()
    rows[0]["label"] = 2
    del rows[13]
    assert after[0].table.to_pylist() == rows
    assert after[1].table.equals(before[1].table)
    assert after[0].table.schema.equals(before[0].table.schema, check_metadata=True)
    assert [one.name for one in sorted((fixed / "train").iterdir())] == [
        "data-00000-of-00001.arrow",
        "dataset_info.json",
        "state.json",
    ]
    unused = "unsupervised/data-00000-of-00001.arrow"
    assert (fixed / unused).read_bytes() == (folder / unused).read_bytes()
    assert load_source(f"huggingface:{fixed}").class_names == ("cat", "dog", "owl")


def test_shards_of_parquet_keep_their_files(tmp_path: Path):
    folder = tmp_path / "shards"
    (folder / "data").mkdir(parents=True)
    for name, first in (("train-0", 0), ("train-1", 12), ("test-0", 100)):
        parquet.write_table(part_of_rows(12, first=first), folder / "data" / f"{name}.parquet")
    (folder / "README.md").write_text("mine")
    again(f"huggingface:{folder}", tmp_path / "fixed", {14: "cat"})  # the files in order: test, train, train
    after = parquet.read_table(tmp_path / "fixed" / "data" / "train-1.parquet")
    assert after["label"].to_pylist() == [0, 1, 0, *[row % 3 for row in range(3, 12)]]
    assert (tmp_path / "fixed" / "README.md").read_text() == "mine"


def test_a_folder_keeps_its_files_byte_by_byte(tmp_path: Path):
    folder = tmp_path / "animals"
    for part, count in (("train", 5), ("val", 2)):
        for label, name in enumerate(NAMES):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                (folder / part / name / f"{number}.png").write_bytes(png(100 * label + number))
    again(f"folder:{folder}", tmp_path / "fixed", {0: "cat", 1: None}, resize=3)
    before = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")}
    before["train/cat/0-2.png"] = before.pop("train/ant/0.png")
    del before["train/ant/1.png"]
    names = [path.relative_to(tmp_path / "fixed").as_posix() for path in (tmp_path / "fixed").rglob("*.png")]
    assert {name: (tmp_path / "fixed" / name).read_bytes() for name in names} == before


def test_files_whose_class_stays_keep_their_names(tmp_path: Path):
    """Also beside a class whose name differs in case alone."""
    folder = tmp_path / "animals"
    for label, name in enumerate(("Cat", "cat", "dog")):
        (folder / name).mkdir(parents=True)
        for number in range(4):
            (folder / name / f"{number}.png").write_bytes(png(10 * label + number))
    again(f"folder:{folder}", tmp_path / "fixed", {8: "Cat"})
    before = {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}
    after = {path.relative_to(tmp_path / "fixed").as_posix() for path in (tmp_path / "fixed").rglob("*.png")}
    assert before - after == {"dog/0.png"}
    (moved,) = after - before
    assert (tmp_path / "fixed" / moved).read_bytes() == png(20)


@pytest.mark.parametrize("inside", ["fixed", "train/fixed", "data/deep/fixed"])
def test_nothing_is_written_into_the_source(tmp_path: Path, inside: str):
    saved(tmp_path / "animals")
    folder = tmp_path / "animals"
    before = sorted(folder.rglob("*"))
    with pytest.raises(InvalidInput, match="which it would change; choose a path outside of it"):
        again(f"huggingface:{folder}", folder / inside, {0: "owl"})
    assert sorted(folder.rglob("*")) == before


def test_npz_keeps_its_types_and_what_else_is_in_it(tmp_path: Path):
    path = tmp_path / "some.npz"
    random = np.random.default_rng(0)
    x, y = random.normal(size=(30, 4)).astype(np.float16), np.eye(3, dtype=np.int8)[np.arange(30) % 3]
    np.savez_compressed(path, x_train=x, y_train=y, key_train=np.arange(30), extra=np.array("mine"))
    again(f"npz:{path}", tmp_path / "fixed.npz", {0: 2, 23: None}, test_share=0.2)
    dataset = load_source(f"npz:{path}", SourceOptions(test_share=0.2))
    assert dataset.places is not None
    first, last = dataset.places[0][[0, 23]]
    assert (first, last) != (0, 23), "the rows for testing are between others"
    with np.load(tmp_path / "fixed.npz") as after:
        assert after["extra"] == "mine"
        assert after["x_train"].dtype == np.float16
        assert after["y_train"].dtype == np.int8
        assert after["key_train"].tolist() == [row for row in range(30) if row != last]
        assert after["y_train"][after["key_train"] == first].tolist() == [[0, 0, 1]]
        others = after["key_train"] != first
        assert (after["y_train"][others] == y[after["key_train"][others]]).all()
        assert (after["x_train"] == x[after["key_train"]]).all()


def test_a_frame_keeps_its_index_and_categories():
    frame = pd.DataFrame(
        {"x": np.arange(30) / 7, "kind": pd.Categorical([NAMES[row % 3] for row in range(30)]), "y": np.arange(30) % 3},
        index=pd.Index([f"row {row}" for row in range(30)]),
    )
    options = SourceOptions(label="kind", test_share=0.2)
    original = dataset_of(frame, options=options)
    names = original.columns.names("train")
    assert names is not None
    (after,) = rewritten_frames(original, [frame], original, {0: "cat", 3: None}, options)
    expected = frame.drop(index=str(names[3]))
    expected.loc[str(names[0]), ["kind", "y"]] = ["cat", 2]
    pd.testing.assert_frame_equal(after, expected)


def test_samples_that_were_removed_on_request_do_not_come_back(tmp_path: Path):
    path = photos(tmp_path)
    options = SourceOptions(label="species", image="picture")
    dataset = load_source(f"csv:{path}", options)
    less = dataset.without(Forgotten.of([0], [1]), dataset.fingerprint)
    corrected, _ = rewrite(less, f"csv:{path}", tmp_path / "fixed.csv", {}, options)
    assert len(corrected.y_train) == 18
    after = [line[0] for line in cells(tmp_path / "fixed.csv")[1:] if line]
    assert after == [f"{NAMES[row % 3]} {row}.png" for row in range(24) if row not in (0, 21)]


def test_what_cannot_be_written_again_leaves_nothing(tmp_path: Path):
    path = photos(tmp_path)
    there = {one.name for one in tmp_path.iterdir()}
    options: dict[str, Any] = {"label": "species", "image": "picture"}

    dataset = load_source(f"csv:{path}", SourceOptions(**options))

    def refusal(source: str, name: str, changes: dict[int, Any] | None = None, **chosen: Any) -> str:
        read = SourceOptions(**{**options, **chosen})
        with pytest.raises(InvalidInput) as error:
            rewrite(dataset, source, tmp_path / name, changes or {0: 1}, read)
        assert {one.name for one in tmp_path.iterdir()} == there
        return str(error.value)

    assert "is no source that can be written again" in refusal("digits", "x.csv")
    assert "is no source that can be written again" in refusal("torch:mine:data", "x.csv")
    assert "'x.npz' does not suit csv:photos.csv; give a path with .csv" in refusal(f"csv:{path}", "x.npz")
    assert "exists; choose another path" in refusal(f"csv:{path}", "photos.csv")
    assert "does not make this dataset (csv:photos.csv): it has changed since" in refusal(
        f"csv:{path}", "x.csv", resize=3
    )
    assert "There is no class 'cow'" in refusal(f"csv:{path}", "x.csv", {0: "cow"})
