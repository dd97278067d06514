"""Arrow columns as arrays: numbers, texts, and lists of numbers of any depth."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from memscore.arrays import Float64
from memscore.errors import InvalidDataset
from memscore.files import reason

Kind = Literal["number", "time", "text", "bytes", "image", "list", "other"]
DAY = 86_400.0


def why(error: Exception) -> str:
    """The reason for an error of Arrow or of the system, as a clause."""
    if isinstance(error, OSError) and error.errno is not None:
        return reason(error)
    return " ".join(str(error).split())[:200].rstrip(".")


def plain(table: Any) -> dict[str, Any]:
    """The columns of a table by name, without dictionaries and extension types.

    Raises InvalidDataset if two have the same name.
    """
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name in columns:
            raise InvalidDataset(f"Two columns are named {name!r}; rename one.")
        kind = column.type
        if isinstance(kind, pa.BaseExtensionType):
            column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        columns[name] = column
    return columns


def kind_of(column: Any) -> Kind:
    """What a column of `plain` holds."""
    from pyarrow import types

    kind = column.type
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_date(kind) or types.is_timestamp(kind):
        return "time"
    if is_text(kind):
        return "text"
    if types.is_binary(kind) or types.is_large_binary(kind):
        return "bytes"
    if types.is_struct(kind) and {field.name for field in kind} == {"bytes", "path"}:
        return "image"  # as Hugging Face stores them
    return "list" if _is_list(kind) else "other"


def is_text(kind: Any) -> bool:
    """Whether a type is one of texts."""
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def numbers(column: Any) -> Float64:
    """A column of numbers or times, float64 [n]; NaN for a missing value, days since 1970 for times."""
    import pyarrow as pa

    kind, per_day = column.type, 1.0
    if pa.types.is_timestamp(kind):
        column, per_day = column.cast(pa.timestamp("s"), safe=False).cast(pa.int64()), DAY
    elif pa.types.is_date(kind):
        column = column.cast(pa.date32()).cast(pa.int32())
    elif pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    values = column.cast(pa.float64(), safe=False).to_numpy()
    return np.asarray(values, np.float64) / per_day


def texts(column: Any) -> list[str | None]:
    """A column of texts or of single values, as texts; None for a missing value."""
    return [None if one is None else one if isinstance(one, str) else str(one) for one in column.to_pylist()]


def nested(name: str, column: Any) -> npt.NDArray[Any]:
    """A column of lists, or of lists of lists, of numbers: [n, ...]. Raises InvalidDataset for ragged rows."""
    values: Any = column.combine_chunks()
    shape = [len(values)]
    while _is_list(values.type):
        if values.null_count:
            raise InvalidDataset(f"The column {name!r} has no value in some rows; leave these out.")
        lengths = np.asarray(values.value_lengths())
        odd = np.flatnonzero(lengths != lengths[:1])
        if len(odd):
            row = int(odd[0]) // int(np.prod(shape[1:], initial=1)) + 1
            raise InvalidDataset(
                f"Row {row} of the column {name!r} has {lengths[odd[0]]} values where the first row has {lengths[0]}; "
                "all rows need as many."
            )
        shape.append(int(lengths[0]))
        values = values.flatten()
    return _flat(name, values).reshape(shape)


def _flat(name: str, values: Any) -> npt.NDArray[Any]:
    import pyarrow as pa

    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64())
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_boolean(values.type)):
        raise InvalidDataset(f"The column {name!r} has lists of {values.type}; lists must be of numbers.")
    return np.asarray(values.to_numpy(zero_copy_only=False))


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
