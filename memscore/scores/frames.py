"""Export of tables to CSV, Parquet, Arrow and pandas, with undefined values as null.

Training and test columns differ in length, so a score table is exported as one or the other; pairs tables have one
kind of row. Arrow and Parquet files carry the table's metadata as JSON in the schema, under the key `memscore`; CSV
has only a header line.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from memscore import strict_json
from memscore.errors import InvalidInput, MissingPackage
from memscore.scores.tables import Columns, Rows, ScoreTable, Table

Format = Literal["npz", "csv", "parquet", "arrow"]

SUFFIXES: dict[str, Format] = {
    ".npz": "npz",
    ".csv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
TEST = "test_"


def format_of(path: Path) -> Format:
    """The format for a file's suffix. Raises InvalidInput for an unknown suffix."""
    found = SUFFIXES.get(path.suffix.lower())
    if not path.suffix:
        raise InvalidInput(
            f"{path} has no suffix that names a format: use one of {', '.join(SUFFIXES)}, or give --format."
        )
    if found is None:
        raise InvalidInput(
            f"The suffix of {path.name!r} is not a known format: use one of {', '.join(SUFFIXES)}, or give --format."
        )
    return found


def rows_of(table: Table, rows: Rows = "train") -> Columns:
    """The columns of one kind of row; for a score table, the first is `index`, the position in the dataset.

    Optional columns that the table lacks are left out.
    """
    names = [name for name in table.dtypes if name in table.columns or name not in table.optional]
    if not isinstance(table, ScoreTable):
        return {name: table[name] for name in names}
    chosen = {name: table[name] for name in names if name.startswith(TEST) == (rows == "test")}
    samples = table.test_samples if rows == "test" else len(table)
    return {"index": np.arange(samples, dtype=np.int32), **chosen}


def encode(table: Table, format: Format, rows: Rows = "train", names: Sequence[str] | None = None) -> bytes:
    """Encode a table in a file format; npz is the table file itself, with both kinds of rows.

    names: of a score table's samples of this kind, for a column `name` after `index`, except in npz.
    """
    if format == "npz":
        return table.encode()
    content = to_arrow(table, rows)
    if names is not None:
        content = content.add_column(1, "name", import_module("pyarrow").array(names))
    buffer = io.BytesIO()
    if format == "csv":
        buffer.write((",".join(content.column_names) + "\n").encode())  # pyarrow would quote the names
        csv: Any = import_module("pyarrow.csv")
        csv.write_csv(content, buffer, csv.WriteOptions(include_header=False))
    elif format == "parquet":
        import_module("pyarrow.parquet").write_table(content, buffer)
    else:
        # uncompressed, so that it can be memory-mapped
        import_module("pyarrow.feather").write_feather(content, buffer, compression="uncompressed")
    return buffer.getvalue()


def to_arrow(table: Table, rows: Rows = "train") -> Any:
    """One kind of row as a pyarrow.Table with the table's metadata in its schema. Raises MissingPackage."""
    arrow = _optional("pyarrow")
    columns = {name: arrow.array(column, from_pandas=True) for name, column in rows_of(table, rows).items()}
    return arrow.table(columns, metadata={"memscore": strict_json.dumps(table.meta, sort_keys=True)})


def to_pandas(table: Table, rows: Rows = "train") -> Any:
    """One kind of row as a pandas.DataFrame with the table's metadata in `attrs`. Raises MissingPackage."""
    frame: Any = _optional("pandas").DataFrame(rows_of(table, rows))
    frame.attrs = dict(table.meta)
    return frame.set_index("index") if "index" in frame else frame


def data_frame(columns: Mapping[str, npt.NDArray[Any]]) -> Any:
    """Columns of equal length as a pandas.DataFrame. Raises MissingPackage."""
    return _optional("pandas").DataFrame({name: column.tolist() for name, column in columns.items()})


def arrow_table(columns: Mapping[str, npt.NDArray[Any]]) -> Any:
    """Columns of equal length as a pyarrow.Table; NaN becomes null. Raises MissingPackage."""
    arrow = _optional("pyarrow")
    return arrow.table({name: arrow.array(column.tolist(), from_pandas=True) for name, column in columns.items()})


def _optional(package: str) -> Any:
    """Import an optional, untyped package. Raises MissingPackage."""
    try:
        return import_module(package)
    except ImportError as error:
        raise MissingPackage(f"This needs {package}, which is not installed: pip install {package}") from error
