"""An evaluation's records of every sample, as columns and as a Parquet file.

An unknown value (a sample outside AutoAttack's subset, mem of a test sample) is masked, and null in the file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as arrow
from pyarrow import parquet

from memscore import strict_json
from memscore.arrays import Bools
from memscore.errors import InvalidInput

Column = np.ma.MaskedArray[Any, Any]
Columns = dict[str, Column]

CORRECT = "correct_"
"""Prefix of the columns that record whether a sample is classified correctly under an attack."""

CLEAN = "clean"
"""No attack at all."""

WORST = "worst"
"""All attacks together: a sample is robust if it survives each of them."""

GROUPS = ("all", "typical", "atypical", "control")
"""Groups of samples; control: test samples as hard as the atypical ones without an attack."""


def known(values: npt.NDArray[Any]) -> Column:
    """A column without gaps."""
    return np.ma.masked_array(values, mask=np.zeros(len(values), np.bool_))


def unknown(count: int, dtype: Any) -> Column:
    """A column with only gaps."""
    return np.ma.masked_all(count, dtype=dtype)


def scattered(values: npt.NDArray[Any], places: npt.NDArray[np.int64], count: int) -> Column:
    """A column of `count` samples, known only at some places."""
    column = unknown(count, values.dtype)
    column[places] = values
    return column


@dataclass(frozen=True)
class SampleRecords:
    """The columns of one split, in the order of the dataset."""

    split: str
    columns: Columns

    def __len__(self) -> int:
        return len(self.columns["label"])

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    @property
    def attacks(self) -> tuple[str, ...]:
        """The conditions samples were evaluated under: clean, the attacks, and worst."""
        return tuple(name.removeprefix(CORRECT) for name in self.columns if name.startswith(CORRECT))

    def groups(self) -> dict[str, Bools]:
        """Masks of the groups, as far as known; files of earlier versions have no control."""
        found = {"all": np.ones(len(self), np.bool_)}
        for name in GROUPS[1:]:
            if name in self.columns and self.columns[name].count():
                found[name] = self.columns[name].filled(False)
        return found


def write_samples(path: Path, splits: list[SampleRecords], meta: dict[str, Any]) -> None:
    """Write the splits one after the other, with `meta` as JSON in the schema under the key memscore."""
    tables = []
    for samples in splits:
        columns = {name: arrow.array(column.data, mask=column.mask) for name, column in samples.columns.items()}
        split = arrow.array([samples.split] * len(samples)).dictionary_encode()
        tables.append(arrow.table({"split": split, "index": np.arange(len(samples), dtype=np.int32), **columns}))
    table = arrow.concat_tables(tables).replace_schema_metadata({"memscore": strict_json.dumps(meta, sort_keys=True)})
    parquet.write_table(table, path)


def read_samples(path: Path, content: bytes | None = None) -> tuple[list[SampleRecords], dict[str, Any]]:
    """Read a file from `write_samples`, or its `content`. Raises InvalidInput for any other file."""
    try:
        table = parquet.read_table(path if content is None else arrow.BufferReader(content))
        meta = json.loads((table.schema.metadata or {})[b"memscore"])
        split = np.array(table["split"].to_pylist())
        columns = {name: _column(table[name]) for name in table.column_names if name not in ("split", "index")}
        flags = (name for name in columns if name.startswith(CORRECT) or name in GROUPS)
        wrong = next((name for name in flags if columns[name].dtype != np.bool_), None)
        if wrong is not None or "label" not in columns or not isinstance(meta, dict):
            raise ValueError(
                f"the column {wrong} is not of truth values" if wrong else "it lacks labels or a description"
            )
    except (OSError, ValueError, KeyError, arrow.ArrowException) as error:
        raise InvalidInput(f"{path} holds no samples of an evaluation: {error}") from error
    names = list(dict.fromkeys(split.tolist()))
    return [
        SampleRecords(name, {key: column[split == name] for key, column in columns.items()}) for name in names
    ], meta


def _column(values: Any) -> Column:
    absent = values.is_null().to_numpy()
    filler = False if arrow.types.is_boolean(values.type) else 0
    return np.ma.masked_array(values.fill_null(filler).to_numpy(), mask=absent)
