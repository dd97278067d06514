"""Tables as HTML for notebooks: every text is escaped, and nothing runs a script or loads anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, cast

import numpy as np

from memscore.scores.tables import PairsTable, ScoreTable
from memscore.statistics.findings import LEVEL

SHOWN = 10
"""Rows shown of a table."""

LONGEST = 120
"""Characters shown of a text."""


class Html(str):
    """Text that is HTML already, and is not escaped again."""

    __slots__ = ()


def table_of(
    columns: Mapping[str, Sequence[Any]],
    *,
    title: str = "",
    notes: Iterable[str] = (),
    warnings: Iterable[str] = (),
    left_out: int = 0,
) -> str:
    """Columns of equal length as an HTML table with a caption; `left_out` counts the rows that it does not show."""
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{cell(value)}</td>' for value in row)}</tr>" for row in zip(*columns.values(), strict=True)
    )
    more = f"<p>{left_out:,} more {'row' if left_out == 1 else 'rows'}.</p>" if left_out else ""
    caption = f"<p><b>{escape(title)}</b></p>" if title else ""
    said = "".join(f"<p>{escape(note)}</p>" for note in notes)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if columns else ""
    return f"<div>{caption}{warned(warnings)}{table}{more}{said}</div>"


def warned(warnings: Iterable[str]) -> str:
    """Warnings as paragraphs."""
    return "".join(f"<p><b>Warning:</b> {escape(warning)}</p>" for warning in warnings)


def cell(value: Any) -> str:
    """The content of a cell: three decimals, a dash for an undefined value, and any text escaped and shortened."""
    if isinstance(value, Html):
        return value
    plain = cast("Any", value.item() if isinstance(value, np.generic) else value)
    if plain is None or plain != plain:
        return "–"
    if isinstance(plain, bool):
        return "yes" if plain else "no"
    if isinstance(plain, float):
        return f"{plain:.3f}"
    text = f"{plain:,}" if isinstance(plain, int) else str(plain)
    return escape(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")


def interval(low: Iterable[Any], high: Iterable[Any]) -> list[str]:
    """Limits as texts, a dash where they are undefined."""
    return ["–" if a != a or b != b else f"{a:.3f} to {b:.3f}" for a, b in zip(low, high, strict=True)]


def scores_html(table: ScoreTable, described: Mapping[str, Sequence[Any]] | None = None) -> str:
    """The most memorized samples of a score table.

    `described` are further columns of them, such as names, each of which is as long as `most_memorized` says.
    """
    first = most_memorized(table)
    columns: dict[str, Sequence[Any]] = {"index": [str(index) for index in first], **(described or {})}
    if "class" not in columns:
        columns["label"] = [str(label) for label in table["label"][first]]
    columns |= {
        "mem": list(table["mem"][first]),
        "95 % interval": interval(table["mem_low"][first], table["mem_high"][first]),
        "right if trained on it": list(table["p_in"][first]),
        "right if not": list(table["p_out"][first]),
    }
    left_out = len(table) - len(first)
    return table_of(columns, title=scores_title(table), warnings=table.warnings, left_out=left_out)


def most_memorized(table: ScoreTable) -> list[int]:
    """Indices of the SHOWN samples of the highest mem, ties by index."""
    mem = table["mem"].astype(np.float64)
    return np.argsort(np.where(np.isfinite(mem), -mem, np.inf), kind="stable")[:SHOWN].tolist()


def pairs_html(table: PairsTable, described: Mapping[str, Sequence[Any]] | None = None) -> str:
    """The first pairs of a pairs table: those that hold, then the strongest; `described` as for `scores_html`."""
    rows = first_pairs(table)
    q = table["q_weighted"] if table.weighted else table["q_value"]
    columns: dict[str, Sequence[Any]] = dict(described or {})
    if not columns:
        columns = {name: [str(one) for one in table[f"{name}_index"][rows]] for name in ("train", "test")}
    columns |= {
        "infl": list(table["infl"][rows]),
        "standard error": list(table["se"][rows]),
        "q-value": ["–" if one != one else f"{one:.2g}" for one in q[rows].tolist()],
        "mem": list(table["mem"][rows]),
    }
    return table_of(columns, title=pairs_title(table), warnings=table.warnings, left_out=len(table) - len(rows))


def first_pairs(table: PairsTable, count: int = SHOWN) -> list[int]:
    """The first `count` rows: pairs that hold at a false-discovery rate of 5 %, then the others, each by strength."""
    q = table["q_weighted"] if table.weighted else table["q_value"]
    held = q <= np.float32(LEVEL)
    return np.argsort(~held, kind="stable")[:count].tolist()


def scores_title(table: ScoreTable) -> str:
    """What a score table holds, in a few words."""
    test = f" and {table.test_samples:,} test" if table.test_samples else ""
    return f"Scores of {len(table):,} training{test} samples from {table.trials:,} trials"


def pairs_title(table: PairsTable) -> str:
    """What a pairs table holds, in a few words."""
    q = table["q_weighted"] if table.weighted else table["q_value"]
    held = int((q <= np.float32(LEVEL)).sum())
    noun = "pair" if len(table) == 1 else "pairs"
    return f"{len(table):,} {noun} from {table.trials:,} trials, {held:,} at a false-discovery rate of {LEVEL:.0%}"
