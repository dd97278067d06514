"""Datasets from a CSV file with a line of column names, of features or of paths of images."""

from __future__ import annotations

import codecs
import csv
import re
from pathlib import Path
from typing import Any

from memscore.datasets.dataset import Dataset
from memscore.datasets.options import SourceOptions
from memscore.datasets.roles import GROUPS, IDS, TEXTS
from memscore.datasets.tables import MEMORY_SHARE, Rows, dataset_of_rows
from memscore.datasets.wording import count, listed
from memscore.errors import InvalidDataset
from memscore.files import reason

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null")
"""Missing numbers, as files write them; in a column of texts, each is a text."""
PORTION = 2**24  # bytes checked at once for their encoding
ONE_BLOCK = 2**30
"""Up to this size a file is parsed in one block, so that a column's type follows from all of its values."""
NEEDED = 8  # times the size of the file in memory: a number of three digits becomes a float64, and a copy


def load_csv(path: Path, options: SourceOptions) -> Dataset:
    """Read a CSV file in UTF-8, also gzipped; the delimiter is recognized. Paths of images are relative to its folder.

    Raises InvalidDataset with the reason.
    """
    table, delimiter = read_csv(path, options)
    notes = () if delimiter == "," else (f"Columns are separated by {DELIMITERS[delimiter]}.",)
    return dataset_of_rows(
        Rows(table, options.described(f"csv:{path.name}"), str(path), path.parent, notes=notes), options
    )


def read_csv(path: Path, options: SourceOptions = SourceOptions()) -> tuple[Any, str]:
    """The Arrow table in a CSV file, and its delimiter; columns named by options are texts. Raises InvalidDataset."""
    if not path.is_file():
        raise InvalidDataset(f"There is no file {path}; write csv:FILE with the path of a CSV file.")
    try:
        head = _head(path)
        delimiter = _delimiter(head)
        return _table(path, delimiter, head, options), delimiter
    except OSError as error:
        raise InvalidDataset(f"{path} cannot be read ({reason(error)}).") from error


def _head(path: Path) -> list[str]:
    """The first two lines, once the whole file is known to be text in UTF-8. Raises InvalidDataset."""
    import pyarrow as pa

    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    text, lines, size = "", 0, 0
    with pa.input_stream(str(path), compression="detect") as stream:
        while portion := stream.read(PORTION):
            if portion[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and not size:
                raise InvalidDataset(f"{path} is encoded in UTF-16; save it as UTF-8.")
            size += len(portion)
            try:
                found = decoder.decode(portion)
            except UnicodeDecodeError as error:
                line = lines + portion[: error.start].count(b"\n") + 1
                raise InvalidDataset(
                    f"Line {line} of {path} is not UTF-8; save it as UTF-8, such as by: iconv -f latin1 -t utf-8"
                ) from error
            if "\0" in found:
                raise InvalidDataset(f"{path} is not a text file; write csv:FILE with the path of a CSV file.")
            lines += found.count("\n")
            if text.count("\n") < 2:
                text += found[: 2**20]
    _require_memory(path, size)
    if not text.strip():
        raise InvalidDataset(f"{path} is empty.")
    return text.splitlines()[:2]


def _require_memory(path: Path, size: int) -> None:
    import psutil

    free = psutil.virtual_memory().available
    if NEEDED * size > MEMORY_SHARE * free:
        raise InvalidDataset(
            f"{path} has {size / 2**30:.1f} GB, too many for {free / 2**30:.1f} GB of free memory; give fewer rows or "
            "columns, or an array of float32 as npz:FILE."
        )


def _delimiter(head: list[str]) -> str:
    """The delimiter that occurs most often in the line of names, outside quotes."""
    names = re.sub(r'"[^"]*"', "", head[0])
    return max(DELIMITERS, key=names.count)


def _table(path: Path, delimiter: str, head: list[str], options: SourceOptions) -> Any:
    """The parsed file as an Arrow table. Raises InvalidDataset."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = next(csv.reader(head[:1], delimiter=delimiter))
    if all(_is_number(name) for name in names):
        raise InvalidDataset(
            f"The first line of {path} must name the columns, but it has {listed(names, 3)}; add a line of names."
        )
    odd: list[Any] = []

    def note(row: Any) -> str:
        odd.append(row)
        return "skip"

    decimal_comma = delimiter == ";" and len(head) > 1 and re.search(r"\d,\d", head[1]) and "." not in head[1]
    # Texts that look like numbers, such as "007", would lose their zeros.
    as_texts = [name for name in names if name.lower() in (*IDS, *GROUPS, *TEXTS)]
    as_texts += [one for one in (options.id, options.group, options.text, options.image) if one in names]
    size = path.stat().st_size
    try:
        return arrow_csv.read_csv(
            path,
            # One thread, so that rows with another number of fields come with their line.
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=min(max(size * 20, 2**20), ONE_BLOCK)),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=arrow_csv.ConvertOptions(
                null_values=list(MISSING),
                strings_can_be_null=False,
                column_types=dict.fromkeys(as_texts, pa.string()),
                decimal_point="," if decimal_comma else ".",
            ),
        )
    except pa.ArrowInvalid as error:
        why = " ".join(str(error).split())
        if "CSV conversion error" in why:
            column = re.search(r"column #(\d+)", why)
            where = f"the column {names[int(column[1])]!r}" if column and int(column[1]) < len(names) else "a column"
            raise InvalidDataset(f"{path} mixes values of different kinds in {where}: {why[:200]}.") from error
        raise InvalidDataset(f"{path} cannot be parsed as CSV ({why[:200].rstrip('.')}).") from error
    finally:
        if odd:
            lines = listed([str(row.number) for row in odd], 5)
            raise InvalidDataset(
                f"{count(len(odd), 'line')} of {path} {'does' if len(odd) == 1 else 'do'} not have {len(names)} fields "
                f"like the line of names: line {lines}; quote texts that contain the delimiter."
            )


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
