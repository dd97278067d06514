"""Datasets from Python objects: arrays, tensors, DataFrames, Arrow tables, lists, and any dataset with items.

pandas, polars, PyTorch, scikit-learn and Hugging Face's package are recognized by what their objects offer, and are not
imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import NO_COLUMNS, Dataset, build_dataset
from memscore.datasets.images import Picture, decode
from memscore.datasets.options import SourceOptions
from memscore.datasets.roles import LABELS
from memscore.datasets.tables import PARTS, Rows, dataset_of_rows
from memscore.datasets.wording import NO_TEST_PART, listed
from memscore.errors import InvalidDataset

DEFAULTS = SourceOptions()
INPUTS = ("image", "img", "pixel_values", "x", "input", "inputs", "data", "features", "embedding")
"""What an item that is a mapping may call its sample."""
MADE = "memscore label"  # a column added for labels that were given beside a table


@dataclass(frozen=True)
class _Arrays:
    """Samples as an array or as pictures, with labels."""

    values: npt.NDArray[Any] | list[Picture]
    labels: npt.NDArray[Any]
    class_names: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class _Table:
    """Samples as an Arrow table, whose column `label` has the labels if it is known."""

    table: Any
    class_names: Mapping[str, tuple[str, ...]]
    label: str | None = None


def dataset_of(
    data: Any,
    labels: Any = None,
    x_test: Any = None,
    y_test: Any = None,
    *,
    source: str = "data",
    options: SourceOptions = DEFAULTS,
    class_names: Sequence[str] | None = None,
    columns: SampleColumns = NO_COLUMNS,
    seed: int = 0,
) -> Dataset:
    """The dataset of Python objects: samples with labels, and optionally a test part alike.

    `data` is one of: an array, tensor or nested list of images or features; a list of paths or of Pillow images; a
    pandas or polars DataFrame, an Arrow table, a mapping of columns, a list of mappings; a Hugging Face dataset; any
    dataset whose items are pairs of sample and label; scikit-learn's Bunch; or a mapping, a pair or a quadruple of
    these for training and testing. `labels` is an array, a list, or the name of a column; with a table or items it can
    be left out. `options` name columns as those of a file do, and have the share of a test part, drawn with `seed`;
    `columns` describe the samples of arrays and items. Raises InvalidDataset with the reason.
    """
    if isinstance(data, Dataset):
        return data
    if labels is None and x_test is not None and isinstance(data, tuple) and len(data) == 2:
        if all(_has_labels(one) for one in data):
            raise InvalidDataset("The data have a test part, and another is given beside them: leave one of them out.")
        data, labels = data
    if x_test is None and (labels is None or _is_split(data, labels)):
        data, own, x_test, y_test = _parts(data)
        labels = own if labels is None else labels
    if isinstance(labels, str):
        options = replace(options, label=labels)
        labels = None
    if x_test is None and y_test is not None:
        raise InvalidDataset("There are labels of a test part but no samples; give both, or neither.")
    train = _part(data, labels, options)
    test = None if x_test is None else _part(x_test, None if isinstance(y_test, str) else y_test, options)
    if isinstance(train, _Table):
        if test is not None and not isinstance(test, _Table):
            raise InvalidDataset("The training part is a table and the test part is not; give both in the same form.")
        if columns:
            raise InvalidDataset(
                "A table has columns of its own; add others to it, and leave out the argument columns."
            )
        return _of_tables(train, test, source, options)
    if isinstance(test, _Table):
        raise InvalidDataset("The test part is a table and the training part is not; give both in the same form.")
    return _of_arrays(train, test, source, options, class_names, columns, seed)


def _parts(data: Any) -> tuple[Any, Any, Any, Any]:
    """Training samples and labels, test samples and labels, None for what is not there or is inside the samples."""
    if isinstance(data, Mapping) and any(one in PARTS for one in data):
        parts = {PARTS[name]: data[name] for name in sorted(data, key=str) if name in PARTS}
        if 0 not in parts:
            raise InvalidDataset(f"There is no part train, only {', '.join(map(str, data))}.")
        return *_pair(parts[0]), *_pair(parts.get(1, parts.get(2)))
    if isinstance(data, tuple) and len(data) == 4:
        return data
    if isinstance(data, (tuple, list)) and len(data) == 2:
        first, second = data
        if _is_pair_of_arrays(first) or (_has_labels(first) and _has_labels(second)):
            return *_pair(first), *_pair(second)
        return first, second, None, None
    if isinstance(data, tuple):
        raise InvalidDataset(
            f"{len(data)} things were given; give (x, y), (train, test) or (x_train, y_train, x_test, y_test)."
        )
    return data, None, None, None


def _is_split(data: Any, labels: Any) -> bool:
    """Whether data are a training and a test table, in both of which `labels` names the column of labels."""
    if not isinstance(labels, str):
        return False
    if isinstance(data, Mapping):
        return labels not in data and any(one in PARTS for one in data)
    return isinstance(data, (tuple, list)) and len(data) == 2 and all(_has_labels(one) for one in data)


def _pair(data: Any) -> tuple[Any, Any]:
    """Samples and labels of one part; None for labels that are inside the samples."""
    return (data[0], data[1]) if _is_pair_of_arrays(data) else (data, None)


def _is_pair_of_arrays(data: Any) -> bool:
    return isinstance(data, (tuple, list)) and len(data) == 2 and all(hasattr(one, "__len__") for one in data)


def _has_labels(data: Any) -> bool:
    """Whether an object is a table or a dataset of items, whose samples have labels, rather than an array or a list."""
    single = isinstance(data, (list, tuple, str)) or _is_array(data)
    return _is_frame(data) or isinstance(data, Mapping) or (hasattr(data, "__getitem__") and not single)


def _is_array(data: Any) -> bool:
    return hasattr(data, "shape") and (hasattr(data, "__array__") or hasattr(data, "toarray"))


def _is_frame(data: Any) -> bool:
    known = hasattr(data, "to_arrow") or hasattr(data, "schema") or hasattr(data, "collect_schema")
    return known or (hasattr(data, "columns") and (hasattr(data, "iloc") or hasattr(data, "__arrow_c_stream__")))


def _part(data: Any, labels: Any, options: SourceOptions) -> _Arrays | _Table:
    """One part in one of two forms."""
    if isinstance(data, Mapping) and {"data", "target"} <= set(data):
        return _of_bunch(data)
    table = _table(data)
    if table is not None:
        return table if labels is None else _with_labels(table, labels)
    if hasattr(data, "batch_size"):
        data = getattr(data, "dataset", data)  # of a DataLoader
    if labels is not None:
        return _Arrays(_values(data), _labels(labels))
    if _is_array(data) or (isinstance(data, (list, tuple)) and not _is_pair(data[0] if data else None)):
        raise InvalidDataset("There are samples but no labels; give these as the second argument.")
    return _of_items(data, options)


def _of_bunch(data: Mapping[str, Any]) -> _Arrays:
    """What scikit-learn's loaders return."""
    values, labels = _array("data", data["data"]), _array("labels", data["target"])
    names, classes = (tuple(map(str, data.get(key, ()))) for key in ("feature_names", "target_names"))
    known = labels.dtype.kind in "iu" and len(classes) == len(np.unique(labels))
    named = values.ndim == 2 and len(names) == values.shape[1]
    return _Arrays(values, labels, classes if known else None, names if named else None)


def _table(data: Any) -> _Table | None:
    """A table of any kind as an Arrow table; None if the object is no table."""
    import pyarrow as pa

    try:
        if isinstance(data, pa.Table):
            return _Table(data, {})
        if isinstance(data, pa.RecordBatch):
            return _Table(pa.Table.from_batches([data]), {})
        if hasattr(data, "with_format") and hasattr(data, "features"):  # a Hugging Face dataset
            features = data.features or {}
            names = {name: tuple(one.names) for name, one in features.items() if getattr(one, "names", None)}
            return _Table(data.with_format("arrow")[:], names)
        if hasattr(data, "collect") and hasattr(data, "collect_schema"):  # a LazyFrame of polars
            data = data.collect()
        if hasattr(data, "to_arrow") and hasattr(data, "columns"):  # polars, and others
            return _Table(data.to_arrow(), {})
        if hasattr(data, "iloc") and hasattr(data, "columns"):
            return _Table(of_pandas(data), {})
        if hasattr(data, "__arrow_c_stream__") and hasattr(data, "columns"):  # DuckDB, and others
            return _Table(pa.table(data), {})
        if isinstance(data, Mapping) and data:
            return _Table(pa.table({str(name): _column(values) for name, values in data.items()}), {})
        if isinstance(data, list) and data and all(isinstance(one, Mapping) and _is_row(one) for one in data):
            return _Table(pa.Table.from_pylist([dict(one) for one in data]), {})
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        why = " ".join(str(error).split())[:200].rstrip(".")
        raise InvalidDataset(
            f"The table has a column of mixed or unknown types ({why}); give each column one type."
        ) from error
    return None


def _is_row(item: Mapping[str, Any]) -> bool:
    """Whether a mapping has plain values, rather than an image or a tensor."""
    return not any(hasattr(one, "shape") or _is_pillow(one) for one in item.values())


def of_pandas(frame: Any) -> Any:
    """A DataFrame as an Arrow table; its index becomes the ids, unless it only counts the rows."""
    import pyarrow as pa

    columns: list[Any] = []
    for place, name in enumerate(frame.columns):
        series = frame.iloc[:, place]
        try:
            columns.append(pa.array(series, from_pandas=True))
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            types = sorted({type(one).__name__ for one in series})
            raise InvalidDataset(
                f"The column {str(name)!r} has values of the types {listed(types, 5)}; give all the same type."
            ) from error
    table = pa.Table.from_arrays(columns, names=[str(name) for name in frame.columns])
    counts = type(frame.index).__name__ == "RangeIndex"
    if counts or not frame.index.is_unique or "id" in table.column_names:
        return table
    return table.append_column("id", pa.array([str(one) for one in frame.index]))


def _column(values: Any) -> Any:
    """Values of a mapping's column, for Arrow: rows of an array with several axes become lists."""
    if hasattr(values, "detach"):
        values = _array("data", values)
    if isinstance(values, np.ndarray) and values.ndim > 1:
        return values.tolist()
    return values


def _with_labels(part: _Table, labels: Any) -> _Table:
    import pyarrow as pa

    array = _labels(labels)
    if len(array) != part.table.num_rows:
        raise InvalidDataset(
            f"There are {part.table.num_rows} rows but {len(array)} labels; give one label for each row."
        )
    values = array.tolist()
    try:
        column = pa.array(values)
    except (pa.ArrowException, OverflowError) as error:
        raise InvalidDataset("The labels are of mixed types; give all of one type: integers or texts.") from error
    return _Table(part.table.append_column(MADE, column), part.class_names, MADE)


def _of_tables(train: _Table, test: _Table | None, source: str, options: SourceOptions) -> Dataset:
    import pyarrow as pa

    if train.label is not None:
        options = replace(options, label=train.label)
    table, part = train.table, None
    if test is not None:
        if (train.label is None) != (test.label is None):
            raise InvalidDataset("Labels are given for one part only; give them for both, or name their column.")
        try:
            parts = [one.table.replace_schema_metadata(None) for one in (train, test)]
            table = pa.concat_tables(parts, promote_options="permissive")
        except pa.ArrowException as error:
            why = " ".join(str(error).split())[:200].rstrip(".")
            raise InvalidDataset(f"The two parts have different columns ({why}); give both the same.") from error
        part = np.repeat([0, 1], [len(one) for one in parts])
    rows = Rows(table, options.described(source), "the table", Path(), part, train.class_names)
    return dataset_of_rows(rows, options)


def _of_arrays(
    train: _Arrays,
    test: _Arrays | None,
    source: str,
    options: SourceOptions,
    class_names: Sequence[str] | None,
    columns: SampleColumns,
    seed: int,
) -> Dataset:
    parts = [train] if test is None else [train, test]
    for one in parts:
        if len(one.labels) != len(one.values):
            raise InvalidDataset(
                f"There are {len(one.values)} samples but {len(one.labels)} labels; give one label per sample."
            )
    notes: tuple[str, ...] = ()
    values = [one.values for one in parts]
    if any(isinstance(one, list) for one in values):
        if not all(isinstance(one, list) for one in values):
            raise InvalidDataset("One part has images and the other an array; give both in the same form.")
        pictures = [picture for one in values for picture in one]
        read = decode(pictures, options.resize, track=options.track)
        in_test = read.kept >= len(values[0])
        notes = read.notes
        kept = [read.kept[~in_test], read.kept[in_test] - len(values[0])]
        values = [read.images[~in_test], read.images[in_test]]
        parts = [replace(one, labels=one.labels[rows]) for one, rows in zip(parts, kept, strict=False)]
        columns = columns.select(*kept) if columns else columns
    elif options.resize is not None:
        raise InvalidDataset("The samples are an array; --resize is for image files and Pillow images.")
    names = class_names or train.class_names
    y_train, y_test = parts[0].labels, parts[1].labels if len(parts) > 1 else None
    if names is not None and train.class_names is not None:
        y_train, y_test, names = _of_classes_that_occur(y_train, y_test, tuple(names))
    if test is None and options.test_share is None:
        notes += (NO_TEST_PART,)
    return build_dataset(
        np.asarray(values[0]),
        y_train,
        np.asarray(values[1]) if len(parts) > 1 else None,
        y_test,
        source=options.described(source),
        class_names=names,
        columns=columns,
        notes=notes,
        test_share=options.test_share,
        seed=seed,
        feature_names=train.feature_names,
    )


def _of_classes_that_occur(
    y_train: npt.NDArray[Any], y_test: npt.NDArray[Any] | None, names: tuple[str, ...]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None, tuple[str, ...] | None]:
    """Class numbers and names without those of classes that no sample has, as in a subset of a dataset."""
    every = y_train if y_test is None else np.concatenate([y_train, y_test])
    if every.dtype.kind not in "iu" or every.ndim != 1 or every.min() < 0 or every.max() >= len(names):
        return y_train, y_test, None
    there = np.unique(every)
    y_of_test = None if y_test is None else np.searchsorted(there, y_test)
    return np.searchsorted(there, y_train), y_of_test, tuple(names[one] for one in there)


def _values(data: Any) -> npt.NDArray[Any] | list[Picture]:
    """Samples without labels: an array, or pictures if they are paths or Pillow images."""
    if isinstance(data, (list, tuple)) and data:
        if all(_is_pillow(one) for one in data):
            return [Picture(f"image {number}", one) for number, one in enumerate(data)]
        if all(isinstance(one, (str, Path)) for one in data):
            return [Picture.of_file(Path(one)) for one in data]
        if hasattr(data[0], "detach"):
            return _stacked(data)
    return _several("samples", _array("data", data))


def _labels(labels: Any) -> npt.NDArray[Any]:
    """Labels as an array. Raises InvalidDataset for texts among other types, which NumPy would all make texts."""
    if isinstance(labels, (list, tuple)):
        types = {type(one) for one in labels}
        if any(issubclass(one, str) for one in types) and not all(issubclass(one, str) for one in types):
            if any(one is None or (isinstance(one, float) and one != one) for one in labels):
                return _missing(labels)
            named = " and ".join(sorted(one.__name__ for one in types))
            raise InvalidDataset(f"The labels are of the types {named}; give all of one type.")
    return _several("labels", _array("labels", labels))


def _missing(labels: Sequence[Any]) -> npt.NDArray[Any]:
    """Labels with some missing as an array of objects, which is refused with the place of the first of them."""
    array = np.empty(len(labels), object)
    array[:] = labels
    return array


def _several(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array. Raises InvalidDataset if it is a single value."""
    if array.ndim == 0:
        raise InvalidDataset(f"The {name} are a single {type(array.item()).__name__}; give a list or an array of them.")
    return array


def _array(name: str, data: Any) -> npt.NDArray[Any]:
    """An array, tensor, sparse matrix or nested list as an array. Raises InvalidDataset."""
    if hasattr(data, "detach"):
        data = data.detach().cpu()
    elif hasattr(data, "toarray"):
        data = data.toarray()
    elif hasattr(data, "to_numpy"):
        data = data.to_numpy()
    try:
        return np.asarray(data)
    except (ValueError, TypeError) as error:
        raise InvalidDataset(
            f"The {name} are no array: their rows differ in length or kind; give all the same."
        ) from error


def _of_items(data: Any, options: SourceOptions) -> _Arrays:
    """A dataset of items, such as PyTorch's: each a pair of sample and label, or a mapping with both."""
    items = data if hasattr(data, "__getitem__") and hasattr(data, "__len__") else _iterated(data)
    samples: list[Any] = []
    labels: list[Any] = []
    for number in options.track(range(len(items)), "reading samples"):
        sample, label = _item(items, number)
        samples.append(sample)
        labels.append(label)
    if not samples:
        raise InvalidDataset("The dataset has no items.")
    if not _same(samples[0], _item(items, 0)[0]):
        raise InvalidDataset(
            "Item 0 is not the same when it is read again; leave out random transforms, since a dataset is stored once."
        )
    names = _class_names(data)
    if all(_is_pillow(one) for one in samples):
        pictures = [Picture(f"item {number}", one) for number, one in enumerate(samples)]
        return _Arrays(pictures, _labels(labels), names)
    return _Arrays(_stacked(samples), _labels(labels), names)


def _iterated(data: Any) -> list[Any]:
    if not hasattr(data, "__iter__"):
        raise InvalidDataset(
            f"The type {type(data).__name__} is no dataset; give arrays, a table, or an object whose items are pairs "
            "of a sample and its label."
        )
    return list(data)


def _item(items: Any, number: int) -> tuple[Any, Any]:
    """Sample and label of an item, tensors as arrays. Raises InvalidDataset."""
    try:
        item = items[number]
    except Exception as error:  # a user's code
        raise InvalidDataset(f"Reading item {number} raises {type(error).__name__}: {str(error)[:200]}") from error
    if isinstance(item, Mapping):
        sample = next((item[one] for one in INPUTS if one in item), None)
        label = next((item[one] for one in LABELS if one in item), None)
        if sample is None or label is None:
            raise InvalidDataset(
                f"Item {number} has the keys {', '.join(map(str, item))}; it needs an image (or x) and a label."
            )
    elif _is_pair(item):
        sample, label = item[0], item[1]
    else:
        raise InvalidDataset(f"Item {number} is a {type(item).__name__}; it must be a pair of a sample and its label.")
    label = _array("label", label) if hasattr(label, "detach") else label
    if isinstance(sample, str):
        raise InvalidDataset("The samples are texts; turn them into numbers first, such as by an embedding model.")
    if label is None:
        raise InvalidDataset(f"Item {number} has no label; leave out samples without one.")
    return (sample if _is_pillow(sample) else _array("samples", sample)), label


def _stacked(samples: Sequence[Any]) -> npt.NDArray[Any]:
    """Samples of one shape as an array. Raises InvalidDataset for the first that differs."""
    arrays = [_array("samples", one) for one in samples]
    for number, one in enumerate(arrays):
        if one.shape != arrays[0].shape:
            raise InvalidDataset(
                f"Item {number} has shape {one.shape} and item 0 {arrays[0].shape}; give all the same, such as by a "
                "transform that resizes."
            )
    return np.stack(arrays)


def _is_pair(item: Any) -> bool:
    """Whether an object can be an item: a sample with its label."""
    if isinstance(item, Mapping):
        return True
    return isinstance(item, (tuple, list)) and len(item) >= 2 and not isinstance(item[0], (int, float))


def _same(first: Any, second: Any) -> bool:
    return bool(np.array_equal(np.asarray(first), np.asarray(second), equal_nan=np.asarray(first).dtype.kind == "f"))


def _is_pillow(value: Any) -> bool:
    return hasattr(value, "getexif") and hasattr(value, "size") and hasattr(value, "mode")


def _class_names(data: Any) -> tuple[str, ...] | None:
    """torchvision's class names, also of the dataset that a Subset is of."""
    while data is not None:
        names = getattr(data, "classes", None)
        if isinstance(names, (list, tuple)) and names and all(isinstance(one, str) for one in names):
            return tuple(names)
        data = getattr(data, "dataset", None)
    return None
