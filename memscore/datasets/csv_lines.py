"""The lines of a CSV file as they are written, so that they can be written again with some cells of others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Line:
    """A line of a CSV file: its cells as they are written, with quotes, and its end."""

    cells: list[str]
    end: str
    text: str

    @property
    def empty(self) -> bool:
        """Whether it is a blank line, which is no row."""
        return self.cells == [""]

    def with_cells(self, other: Line, places: Sequence[int], delimiter: str) -> str:
        """The text of this line with some cells of another."""
        cells = list(self.cells)
        for place in places:
            cells[place] = other.cells[place]
        return delimiter.join(cells) + self.end


def lines_of(file: Path, delimiter: str) -> list[Line]:
    """The lines of a CSV file, whose quoted cells may have line ends."""
    import pyarrow as pa

    with pa.input_stream(str(file), compression="detect") as stream:
        text = stream.read().decode("utf-8")
    other = f"[^{re.escape(delimiter)}\r\n]*"
    cell = re.compile(f'("(?:[^"]|"")*"{other}|{other})({re.escape(delimiter)}|\r\n|\n|\r|\\Z)')
    lines: list[Line] = []
    cells: list[str] = []
    start = place = 0
    while place < len(text) or cells:
        found = cell.match(text, place)
        assert found is not None
        cells.append(found[1])
        place = found.end()
        if found[2] != delimiter:
            lines.append(Line(cells, found[2], text[start:place]))
            cells, start = [], place
    return lines


def value_of(cell: str) -> str:
    """What a cell of the first line says, without its quotes and the mark at the start of the file."""
    cell = cell.removeprefix("\ufeff")
    quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1].replace('""', '"') if quoted else cell
