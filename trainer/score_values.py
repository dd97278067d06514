"""Scores of any kind as mem: one number for each training sample, from a .npy, .npz, .csv, .parquet or .arrow file.

EL2N, forgetting, C-scores, mem of another package: whatever ranks samples can weight them. An array is named as
FILE.npz:KEY, a column as FILE.csv:COLUMN; without a name it is `mem`, or the only one with numbers. A column `index`
places the rows, which otherwise are those of the training samples in order.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt

from memscore.arrays import Float32, Float64
from memscore.counted import counted
from memscore.datasets import arrow
from memscore.datasets.csv_file import read_csv
from memscore.datasets.dataset import Dataset
from memscore.datasets.parquet_file import read_parquet
from memscore.errors import FingerprintMismatch, InvalidInput
from memscore.npz import NpzReader
from memscore.study.bits import digest

_NAMED = re.compile(r"(?P<file>.+\.(?:npy|npz|csv|parquet|arrow))(?::(?P<part>[^/]+))?", re.IGNORECASE)
MEM, INDEX = "mem", "index"


@dataclass(frozen=True)
class ScoreValues:
    """One value for each training sample, float32 [n], NaN where unknown; and where it comes from.

    fingerprint: of the dataset, where the file names it.
    """

    mem: Float32
    source: str
    fingerprint: str | None = None
    sets: ClassVar[None] = None
    test_p: ClassVar[None] = None
    warnings: ClassVar[tuple[str, ...]] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over the values, as a table has over its columns."""
        return digest(self.mem.astype("<f4").tobytes())

    @property
    def notes(self) -> tuple[str, ...]:
        """How far the values were checked."""
        if self.fingerprint is not None:
            return ()
        return (f"{self.source} does not name its dataset, so only the number of its values was checked",)

    def require(self, dataset: Dataset, name: str) -> None:
        """Raise FingerprintMismatch unless there is one value for each training sample of this dataset."""
        if self.fingerprint is not None and self.fingerprint != dataset.fingerprint:
            raise FingerprintMismatch(
                f"The scores in {self.source} were made from another dataset than {name}; use those made from it."
            )
        if len(self.mem) != len(dataset.y_train):
            raise FingerprintMismatch(
                f"{self.source} has {counted(len(self.mem), 'value')}, but {name} has "
                f"{counted(len(dataset.y_train), 'training sample')}; give one value for each, in the dataset's order."
            )


def is_values(source: str) -> bool:
    """Whether a source of scores is a file of plain values rather than a memscore table or a study."""
    found = _NAMED.fullmatch(source)
    return found is not None and (found["part"] is not None or not found["file"].lower().endswith(".npz"))


def file_of(source: str) -> str:
    """The file that a source of values names, without its array or column; any other source as it is."""
    found = _NAMED.fullmatch(source)
    return source if found is None else found["file"]


def read_values(source: str) -> ScoreValues:
    """Read a file of values. Raises InvalidInput with one sentence if it does not hold one number a sample."""
    found = _NAMED.fullmatch(source)
    assert found is not None
    path, part = Path(found["file"]).expanduser(), found["part"]
    if not path.is_file():
        raise InvalidInput(f"There is no file {path} of scores.")
    kind, fingerprint = path.suffix.lower(), None
    if kind == ".npy":
        if part is not None:
            raise InvalidInput(f"{path} holds a single array; leave out :{part}.")
        values = _of_npy(path)
    elif kind == ".npz":
        with NpzReader(path, "score") as file:
            if part not in file:
                raise InvalidInput(f"{path} has no array {part!r}.")
            values = file.read(cast("str", part), "fiub", None)
    else:
        columns, fingerprint = _columns(path)
        values = _of_columns(columns, part, path)
    return ScoreValues(_checked(values, source), source, fingerprint)


def _of_npy(path: Path) -> npt.NDArray[Any]:
    try:
        with path.open("rb") as file:
            values: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InvalidInput(f"{path} is not a .npy file of numbers.") from error
    return values


def _columns(path: Path) -> tuple[dict[str, Float64], str | None]:
    """The columns of numbers, NaN where a cell is empty, and the fingerprint in a table that memscore exported."""
    table = _table(path)
    found = {name: arrow.numbers(one) for name, one in arrow.plain(table).items() if arrow.kind_of(one) == "number"}
    try:
        meta: Any = json.loads((table.schema.metadata or {})[b"memscore"])
        return found, str(meta["fingerprint"])
    except (KeyError, TypeError, ValueError):
        return found, None


def _table(path: Path) -> Any:
    """The file as an Arrow table. Raises InvalidDataset, which is InvalidInput."""
    if path.suffix.lower() == ".csv":
        return read_csv(path)[0]
    if path.suffix.lower() == ".parquet":
        return read_parquet(path)
    import pyarrow as pa
    from pyarrow import feather

    try:
        return feather.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput(f"{path} cannot be read as Arrow ({arrow.why(error)}).") from error


def _of_columns(columns: dict[str, Float64], part: str | None, path: Path) -> Float64:
    """The chosen column, in the order of the samples."""
    names = [name for name in columns if name != INDEX]
    name = part or (MEM if MEM in columns else names[0] if len(names) == 1 else None)
    if name is None or name not in columns:
        missing = "has several columns of numbers" if name is None and names else f"has no column of numbers {name!r}"
        if not names:
            missing = "has no column of numbers"
        advice = f"; name one as {path}:COLUMN ({', '.join(names[:8])})" if names else ""
        raise InvalidInput(f"{path} {missing}{advice}.")
    values = columns[name]
    if INDEX not in columns or name == INDEX:
        return values
    index = columns[INDEX]
    placed = np.argsort(index, kind="stable")
    if not np.array_equal(index[placed], np.arange(len(index))):
        raise InvalidInput(
            f"The column {INDEX} of {path} must have each number from 0 to {len(index) - 1:,} once; give each training "
            "sample a row."
        )
    return values[placed]


def _checked(values: npt.NDArray[Any], source: str) -> Float32:
    """The values in single precision. Raises InvalidInput unless they are numbers [n], finite or NaN."""
    if values.dtype.kind not in "fiub" or values.ndim != 1 or not len(values):
        shape = " x ".join(map(str, values.shape)) or "a single value"
        raise InvalidInput(f"{source} holds {shape} of {values.dtype}; give one number for each training sample.")
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    if np.isinf(single).any():
        raise InvalidInput(f"Value {int(np.isinf(single).argmax())} of {source} is infinite; give finite numbers.")
    if np.isnan(single).all():
        raise InvalidInput(f"{source} has no number: all values are NaN.")
    return single
