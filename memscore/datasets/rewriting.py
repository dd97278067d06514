"""A dataset's source written again with corrected labels: its rows, columns, arrays and files as the user had them.

`writing` writes what the dataset holds: pixels and numbers. Here the source is read a second time, and only labels and
the number of samples change: a CSV file of paths keeps its paths, a folder of photos its files.
"""

from __future__ import annotations

import gzip
import json
import secrets
import shutil
import zipfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore import strict_json
from memscore.arrays import Bools, Indices, Labels
from memscore.datasets import arrow
from memscore.datasets.columns import Split
from memscore.datasets.csv_file import read_csv
from memscore.datasets.csv_lines import lines_of, value_of
from memscore.datasets.dataset import Dataset
from memscore.datasets.frames import of_pandas
from memscore.datasets.huggingface import Part, parts_of, rows_of
from memscore.datasets.npz import TEST, TRAIN
from memscore.datasets.options import SourceOptions
from memscore.datasets.parquet_file import class_names_in, read_parquet
from memscore.datasets.sources import load_source
from memscore.datasets.tables import Rows, label_columns
from memscore.datasets.wording import listed
from memscore.datasets.writing import Changes, changed, unused_name
from memscore.errors import InvalidDataset, InvalidInput
from memscore.files import atomic_write, make_folder, place_folder, reason

SUFFIXES = {
    "csv": (".csv", ".tsv", ".txt", ".gz"),
    "parquet": (".parquet", ".pq"),
    "npz": (".npz",),
    "huggingface": ("",),
    "folder": ("",),
}
"""The suffixes of what each kind of source can be written as; none for a folder."""


@dataclass(frozen=True)
class _Rows:
    """What becomes of a source's rows: `kept` bool [n] stay, and each takes the label of the row `taken` [n]."""

    kept: Bools
    taken: Indices

    @classmethod
    def of(cls, original: Dataset, corrected: Dataset, count: int) -> _Rows:
        """Compare the dataset that `count` rows make with the corrected one; rows that neither has stay as they are."""
        labels = np.full(count, -1, np.int64)
        after = np.full(count, -1, np.int64)
        for one, into in ((original, labels), (corrected, after)):
            assert one.places is not None
            for places, values in zip(one.places, (one.y_train, one.y_test), strict=True):
                into[places] = values
        of_class = np.full(original.classes, -1, np.int64)
        there = np.flatnonzero(labels >= 0)
        of_class[labels[there[::-1]]] = there[::-1]  # the first row of each class
        moved = (labels != after) & (after >= 0)
        return cls((labels < 0) | (after >= 0), np.where(moved, of_class[after], np.arange(count)))

    def part(self, first: int, count: int) -> tuple[Indices, Bools]:
        """For `count` rows from `first` on: the rows of the whole whose labels they take, and which of them stay."""
        return self.taken[first : first + count], self.kept[first : first + count]


def rewrite(
    dataset: Dataset, source: str, path: Path, changes: Changes, options: SourceOptions | None = None
) -> tuple[Dataset, tuple[str, ...]]:
    """Write a dataset's source again with other labels, whole or not at all; returns the corrected dataset, and notes.

    The source is csv:FILE, parquet:FILE, npz:FILE, folder:DIR or huggingface:DIR, and with its options makes this
    dataset. Samples whose new label is None, and those that were removed on request, are left out. Rows that the
    dataset does not have, such as those of a validation part, stay as they are; of a folder, only the images that it
    has are copied. A column that says the same as the labels, such as the class's name beside its number, changes with
    them. Raises InvalidInput, NotFound or InvalidDataset with one sentence.
    """
    options = options or SourceOptions()
    kind, _, place = source.partition(":")
    if kind not in SUFFIXES or not place:
        raise InvalidInput(
            f"{source!r} is no source that can be written again; those are csv:FILE, parquet:FILE, npz:FILE, "
            "folder:DIR and huggingface:DIR."
        )
    if path.exists() or path.is_symlink():
        raise InvalidInput(f"{path} exists; choose another path, or remove it.")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES[kind] and (SUFFIXES[kind] != ("",) or suffix in sum(SUFFIXES.values(), ())):
        wanted = " or ".join(SUFFIXES[kind]) if SUFFIXES[kind] != ("",) else "no suffix, as a folder"
        raise InvalidInput(f"{path.name!r} does not suit {kind}:{Path(place).name}; give a path with {wanted}.")
    given = Path(place).expanduser()
    if given.is_dir() and path.resolve().is_relative_to(given.resolve()):
        raise InvalidInput(f"{path} lies in {given}, which it would change; choose a path outside of it.")
    original = load_source(source, options)
    if original.fingerprint != dataset.fingerprint:
        raise InvalidInput(
            f"{source} does not make this dataset ({dataset.source}): it has changed since, or was added with other "
            "options; give the options that it was added with."
        )
    corrected = _changed_as(dataset, original, changes)
    try:
        make_folder(path.parent)
        write = {
            "csv": _csv,
            "parquet": _parquet,
            "npz": _npz,
            "folder": _folder,
            "huggingface": _huggingface,
        }[kind]
        notes = write(given, path, original, corrected, options)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({reason(error)}).") from error
    return corrected, (*notes, *_moving(original, corrected, options))


def _moving(original: Dataset, corrected: Dataset, options: SourceOptions) -> tuple[str, ...]:
    """A note if some samples will change sides when the new file is split into parts again."""
    same = len(corrected.y_train) == len(original.y_train) and np.array_equal(corrected.y_train, original.y_train)
    if options.test_share is None or same:
        return ()
    return ("Added with the same test share, some of its training samples will be test samples, and the other way.",)


def rewritten_frames(
    dataset: Dataset, frames: Sequence[Any], original: Dataset, changes: Changes, options: SourceOptions
) -> list[Any]:
    """pandas DataFrames with corrected labels, and without the rows whose new label is None: one, or train and test.

    `original` is the same dataset as `frames.dataset_of` makes it of the frames with these options. Raises InvalidInput
    for an unknown sample or class.
    """
    table = of_pandas(frames[0])
    columns = _columns_of_labels(Rows(table, "", "the table", Path()), original, options)
    rows = _Rows.of(original, _changed_as(dataset, original, changes), sum(map(len, frames)))
    corrected: list[Any] = []
    first = 0
    for frame in frames:
        taken, kept = rows.part(first, len(frame))
        left = np.flatnonzero(kept)
        made = frame.iloc[left].copy()
        for name in columns.every if first == 0 else ():  # only training samples change, by rows among themselves
            place = table.column_names.index(name)
            made.isetitem(place, frame.iloc[taken[left], place].array)
        corrected.append(made)
        first += len(frame)
    return corrected


def _changed_as(dataset: Dataset, original: Dataset, changes: Changes) -> Dataset:
    """A dataset that was read again, changed as the stored one would be: by its class names, without what it forgot."""
    named = replace(original, class_names=dataset.class_names)
    return changed(named.without(dataset.forgotten, dataset.fingerprint), changes)


def _csv(given: Path, path: Path, original: Dataset, corrected: Dataset, options: SourceOptions) -> tuple[str, ...]:
    """Write the lines of a CSV file again, each as it was but for the cells of changed labels."""
    table, delimiter = read_csv(given, options)
    columns = _columns_of_labels(Rows(table, "", str(given), given.parent), original, options)
    rows = _Rows.of(original, corrected, table.num_rows)
    head, *lines = lines_of(given, delimiter)
    if sum(not line.empty for line in lines) != table.num_rows:
        raise InvalidDataset(
            f"{given} has {len(lines):,} lines or {table.num_rows:,} rows, depending on how its quotes are read; write "
            "it with quotes around texts, and those inside doubled."
        )
    names = [value_of(cell) for cell in head.cells]
    places = [names.index(column) for column in columns.every]
    full = [line for line in lines if not line.empty]
    number = 0
    texts = [head.text]
    for line in lines:
        if line.empty:
            texts.append(line.text)
            continue
        taken = int(rows.taken[number])
        if rows.kept[number]:
            texts.append(line.text if taken == number else line.with_cells(full[taken], places, delimiter))
        number += 1
    zipped = path.suffix.lower() == ".gz"
    written = "".join(texts).encode()
    with atomic_write(path) as scratch:
        scratch.write_bytes(gzip.compress(written) if zipped else written)
    return (*columns.notes, *_paths_from_elsewhere(original, given.parent, path.parent))


def _parquet(given: Path, path: Path, original: Dataset, corrected: Dataset, options: SourceOptions) -> tuple[str, ...]:
    """Write the rows of a Parquet file again."""
    table = read_parquet(given)
    source = Rows(table, "", str(given), given.parent, class_names=class_names_in(table.schema.metadata))
    columns = _columns_of_labels(source, original, options)
    rows = _Rows.of(original, corrected, table.num_rows)
    with atomic_write(path) as scratch:
        _write_parquet(_changed(table, table, columns.every, *rows.part(0, table.num_rows)), given, scratch)
    return (*columns.notes, *_paths_from_elsewhere(original, given.parent, path.parent))


def _write_parquet(table: Any, like: Path, path: Path) -> None:
    """Write a table with the compression and the size of row groups that another file has."""
    from pyarrow import parquet

    found = parquet.read_metadata(like)
    group = found.row_group(0) if found.num_row_groups else None
    packed = group.column(0).compression if group is not None and group.num_columns else "SNAPPY"
    compression = "NONE" if packed == "UNCOMPRESSED" else packed
    parquet.write_table(table, path, compression=compression, row_group_size=None if group is None else group.num_rows)


def _huggingface(
    given: Path, path: Path, original: Dataset, corrected: Dataset, options: SourceOptions
) -> tuple[str, ...]:
    """Write a folder of a saved dataset, or of Parquet files, again."""
    parts = parts_of(given)
    source = rows_of(given, parts, options)
    columns = _columns_of_labels(source, original, options)
    rows = _Rows.of(original, corrected, source.table.num_rows)
    with _new_folder(path) as scratch:
        shutil.copytree(given, scratch, dirs_exist_ok=True)
        first = 0
        for part in parts:
            count = part.table.num_rows
            table = _changed(part.table, source.table, columns.every, *rows.part(first, count))
            first += count
            file = scratch / part.path.relative_to(given)
            if part.path.suffix == ".parquet":
                _write_parquet(table, part.path, file)
            else:
                _write_saved(table, part, file)
    return columns.notes


def _write_saved(table: Any, part: Part, folder: Path) -> None:
    """Write one part of a saved dataset in the place of its copy: one Arrow file, and what describes it."""
    import pyarrow as pa

    state = json.loads((part.path / "state.json").read_text(encoding="utf-8"))
    for one in state["_data_files"]:
        (folder / one["filename"]).unlink()
    file = "data-00000-of-00001.arrow"
    with pa.OSFile(str(folder / file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    state |= {"_data_files": [{"filename": file}], "_fingerprint": secrets.token_hex(8)}
    (folder / "state.json").write_text(strict_json.dumps(state, indent=2, sort_keys=True), encoding="utf-8")
    described = folder / "dataset_info.json"
    if described.is_file():
        info = json.loads(described.read_text(encoding="utf-8"))
        for outdated in ("splits", "dataset_size", "size_in_bytes", "download_size", "download_checksums"):
            info.pop(outdated, None)
        described.write_text(strict_json.dumps(info, indent=2, sort_keys=True), encoding="utf-8")


def _npz(given: Path, path: Path, original: Dataset, corrected: Dataset, options: SourceOptions) -> tuple[str, ...]:
    """Write the arrays of an .npz file again, and everything else in it as it is."""
    with zipfile.ZipFile(given) as before:
        arrays = {name.removesuffix(".npy") for name in before.namelist()}
        parts = [part for part in (TRAIN, TEST) if part[0] in arrays]
        counts = [_length(before, y) for _, y in parts]
        rows = _Rows.of(original, corrected, sum(counts))
        y_of_all = np.concatenate([_member(before, y) for _, y in parts])
        with atomic_write(path) as scratch, zipfile.ZipFile(scratch, "w", before.infolist()[0].compress_type) as after:
            for name in before.namelist():
                array = name.removesuffix(".npy")
                ending = array.rpartition("_")[2]
                which = next((place for place, part in enumerate(parts) if part[0] == f"x_{ending}"), None)
                if which is None:
                    after.writestr(name, before.read(name))
                    continue
                taken, kept = rows.part(sum(counts[:which]), counts[which])
                values = _member(before, array)
                if array == f"y_{ending}":
                    labels = y_of_all[taken]
                    same_kind = labels.astype(values.dtype)
                    values = same_kind if (same_kind == labels).all() else labels
                with after.open(name, "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, values[kept], allow_pickle=False)
    return ()


def _member(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    with archive.open(f"{name}.npy") as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


def _length(archive: zipfile.ZipFile, name: str) -> int:
    return len(_member(archive, name))


def _folder(given: Path, path: Path, original: Dataset, corrected: Dataset, options: SourceOptions) -> tuple[str, ...]:
    """Copy the image files of a folder, each to the folder of its class."""
    with _new_folder(path) as scratch:
        taken: dict[str, int] = {}
        labels_of: dict[Split, Labels] = {"train": corrected.y_train, "test": corrected.y_test}
        moves: list[tuple[PurePosixPath, PurePosixPath]] = []
        for split, labels in labels_of.items():
            files = corrected.columns.part(split)["file"].tolist() if len(labels) else []
            for file, label in zip(map(PurePosixPath, files), labels.tolist(), strict=True):
                moves.append((file, file.parent.with_name(corrected.class_names[label])))
        moves.sort(key=lambda move: move[0].parent != move[1])  # who stays keeps its name
        for file, folder in moves:
            if not (given / file).is_file():
                raise InvalidInput(f"There is no file {given / file}; give it a name in UTF-8, and add it again.")
            (scratch / folder).mkdir(parents=True, exist_ok=True)
            name = unused_name(file.name, folder.as_posix(), taken)
            shutil.copy2(given / file, scratch / folder / (file.name if file.parent == folder else name))
    return ()


@contextmanager
def _new_folder(path: Path) -> Generator[Path]:
    """A folder to write to, which comes to its place when all is written."""
    scratch = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        scratch.mkdir()
        yield scratch
        place_folder(scratch, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _changed(table: Any, whole: Any, columns: Sequence[str], taken: Indices, kept: Bools) -> Any:
    """Rows of a table with the values of these columns from other rows of the whole, and without some."""
    import pyarrow as pa

    left = np.flatnonzero(kept)
    fields = zip(table.schema, table.columns, strict=True)
    made = [
        _taken(whole[field.name], taken[left]).cast(field.type) if field.name in columns else _taken(column, left)
        for field, column in fields
    ]
    return pa.Table.from_arrays(made, schema=table.schema)


def _taken(column: Any, places: Indices) -> Any:
    """Values of an Arrow column, also of the few types for which Arrow has no such function."""
    import pyarrow as pa

    try:
        return column.take(pa.array(places))
    except pa.ArrowNotImplementedError:
        values = column.to_pylist()
        return pa.chunked_array([pa.array([values[place] for place in places], column.type)])


@dataclass(frozen=True)
class _LabelColumns:
    """The columns of the labels, those that say the same, and a note on these."""

    labels: tuple[str, ...]
    alike: tuple[str, ...]

    @property
    def every(self) -> tuple[str, ...]:
        return (*self.labels, *self.alike)

    @property
    def notes(self) -> tuple[str, ...]:
        if not self.alike:
            return ()
        named = listed([repr(one) for one in self.alike], 5)
        is_one = len(self.alike) == 1
        if is_one:
            return (f"The column {named} says the same as the labels, and was changed with them.",)
        return (f"The columns {named} say the same as the labels, and were changed with them.",)


def _columns_of_labels(rows: Rows, original: Dataset, options: SourceOptions) -> _LabelColumns:
    """The columns of a table that change with the labels: theirs, and each with one value of its own for each class."""
    labels = label_columns(rows, options)
    assert original.places is not None
    places = np.concatenate(original.places)
    here = places < rows.table.num_rows
    places, classes = places[here], np.concatenate([original.y_train, original.y_test])[here]
    columns: Mapping[str, Any] = arrow.plain(rows.table)
    alike = [
        name
        for name, column in columns.items()
        if name not in labels and len(places) >= 2 * original.classes and _says_the_same(column, places, classes)
    ]
    return _LabelColumns(labels, tuple(alike))


def _says_the_same(column: Any, places: Indices, classes: npt.NDArray[np.int32]) -> bool:
    """Whether a column of texts or whole numbers has one value for each class, and another for any other."""
    from pyarrow import types

    if not (arrow.is_text(column.type) or types.is_integer(column.type)) or column.null_count:
        return False
    codes = np.asarray(column.combine_chunks().dictionary_encode().indices)[places]
    pairs = np.unique(np.stack([codes, classes]), axis=1)
    return pairs.shape[1] == len(np.unique(classes)) == len(np.unique(codes))


def _paths_from_elsewhere(original: Dataset, before: Path, after: Path) -> tuple[str, ...]:
    """A note if the rows name image files by paths from the folder where their file was."""
    files = original.columns.part("train").get("file")
    relative = files is not None and any(not Path(str(one)).is_absolute() for one in files[:100] if one)
    if not relative or before.resolve() == after.resolve():
        return ()
    return (f"The paths of the images still start at {before}; move the file there before you add it.",)
