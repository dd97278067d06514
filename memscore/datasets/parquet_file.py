"""Datasets from a Parquet file: features, embeddings, paths or bytes of images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memscore.datasets import arrow
from memscore.datasets.dataset import Dataset
from memscore.datasets.options import SourceOptions
from memscore.datasets.tables import Rows, dataset_of_rows
from memscore.errors import InvalidDataset


def load_parquet(path: Path, options: SourceOptions) -> Dataset:
    """Read a Parquet file. Paths of images are relative to its folder. Raises InvalidDataset with the reason."""
    if path.is_dir():
        raise InvalidDataset(f"{path} is a folder; write huggingface:{path} for the Parquet files of a dataset in it.")
    table = read_parquet(path)
    source = options.described(f"parquet:{path.name}")
    names = class_names_in(table.schema.metadata)
    return dataset_of_rows(Rows(table, source, str(path), path.parent, class_names=names), options)


def read_parquet(path: Path) -> Any:
    """The Arrow table in a Parquet file. Raises InvalidDataset."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table: Any = parquet.ParquetFile(path).read()
        table.validate(full=True)
        return table.rename_columns(table.column_names).replace_schema_metadata(table.schema.metadata)
    except FileNotFoundError as error:
        raise InvalidDataset(f"There is no file {path}; write parquet:FILE with the path of a Parquet file.") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InvalidDataset(f"{path} cannot be read as Parquet ({arrow.why(error)}).") from error


def class_names_in(metadata: Mapping[bytes, bytes] | None) -> dict[str, tuple[str, ...]]:
    """The class names of the columns of class numbers, in the metadata that Hugging Face writes with a schema."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return class_names_of(features)


def class_names_of(features: Any) -> dict[str, tuple[str, ...]]:
    """The class names among the features of a Hugging Face dataset."""
    if not isinstance(features, dict):
        return {}
    return {
        str(name): tuple(map(str, one["names"]))
        for name, one in features.items()
        if isinstance(one, dict) and one.get("_type") == "ClassLabel" and isinstance(one.get("names"), list)
    }
