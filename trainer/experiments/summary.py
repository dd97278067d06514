"""The page of all items: the paper's claims, what contradicts it, every finding once, and every figure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import matplotlib as mpl
from matplotlib.figure import Figure

from memscore import strict_json
from memscore.counted import counted
from memscore.errors import InvalidInput
from memscore.files import atomic_write, reason
from memscore.runs.layout import CLAIMS as CLAIMS_JSON
from memscore.runs.layout import MADE, PAGE, VERDICTS
from trainer.experiments.artifact import KINDS, STYLE, drawn, read_verdicts, verdict_table
from trainer.experiments.catalogue import ITEMS
from trainer.experiments.claims import CLAIMS, Claim
from trainer.experiments.figure import BLUE, GREY, ORANGE, WIDTH
from trainer.experiments.verdict import Verdict, Word

FIGURE = "claims"
COLOURS: dict[Word, str] = {"confirmed": BLUE, "seen in one seed": BLUE, "contradicted": ORANGE}
COLOURS |= {"opposite seen in one seed": ORANGE}
HOW = (
    "A finding is confirmed if its whole 95 % interval, over seeds and test samples, agrees with the paper, and "
    "contradicted if the whole interval disagrees. One seed decides nothing: what it shows is *seen in one seed*, "
    "counted apart. Findings that several items show in one setting count once, with the most seeds. Intervals are "
    "not adjusted for each other: of all those that chance decides, about one in twenty misses."
)


@dataclass(frozen=True)
class Judged:
    """A finding in a setting, by the verdict with the most seeds, and the items that show it."""

    items: tuple[str, ...]
    verdict: Verdict


def summarize(folder: Path, below: str) -> list[tuple[str, Verdict]]:
    """Write a README.md for the items in `folder`/`below`, in the catalogue's order, and return their verdicts.

    Raises InvalidInput if the page cannot be written.
    """
    there = [item for item in ITEMS.values() if (folder / below / item.name / VERDICTS).is_file()]
    read = {item.name: read_verdicts(folder / below / item.name) for item in there}
    old = [name for name, found in read.items() if found is None]
    verdicts = [(name, one) for name, found in read.items() for one in found or ()]
    judged = _once(verdicts)
    decided = [(claim, claim.decided({(name, one.finding): one for name, one in verdicts})) for claim in CLAIMS]
    parts = ["# The paper, reproduced", _counts(len(there), judged), HOW]
    if old:
        parts.append(f"Made by an earlier version and not judged, make again: {', '.join(old)}.")
    parts += ["## The paper's claims", f"![the paper's claims]({FIGURE}.png)", _claims(decided, below)]
    against = [one for one in judged if one.verdict.verdict in ("contradicted", "opposite seen in one seed")]
    parts += ["## What contradicts the paper", _linked(against, below) if against else "Nothing here."]
    parts += ["## Every finding", _linked(judged, below)]
    for item in there:
        one = json.loads((folder / below / item.name / MADE).read_text())
        figures = sorted((folder / below / item.name).glob("*.png"))
        shown = "\n".join(f"![{item.title}]({below}/{item.name}/{figure.name})" for figure in figures)
        parts.append(f"## [{item.title}]({below}/{item.name}/{PAGE})\n\n{shown}\n\n{one['date']}, {one['device']}")
    with mpl.rc_context(STYLE):  # pyright: ignore[reportUnknownMemberType] -- matplotlib's own
        forest = forest_plot(decided)
    files = {f"{FIGURE}.{kind}": drawn(forest, kind) for kind in KINDS}
    plain = [
        {"sentence": claim.sentence, "item": claim.item, "verdict": None if one is None else one.as_json()}
        for claim, one in decided
    ]
    files[CLAIMS_JSON] = (strict_json.dumps(plain, indent=2) + "\n").encode()
    files[PAGE] = ("\n\n".join(parts) + "\n").encode()
    try:
        for name, content in files.items():
            with atomic_write(folder / name) as scratch:
                scratch.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"The folder {folder} cannot be written ({reason(error)}).") from error
    return verdicts


def forest_plot(decided: Sequence[tuple[Claim, Verdict | None]]) -> Figure:
    """A line for each claim: its effect with the 95 % interval, beside the bound that it has to be above."""
    figure = Figure(figsize=(WIDTH, 0.62 * len(decided) + 0.9), layout="constrained")
    area = figure.add_subplot()
    area.axvline(0, color="#bbbbbb", linewidth=1)
    for place, (_, one) in enumerate(decided):
        if one is None or one.value is None or one.low is None or one.high is None or one.bound is None:
            continue
        colour = COLOURS.get(one.verdict, GREY)
        bars = [[100 * (one.value - one.low)], [100 * (one.high - one.value)]]
        fill = "full" if one.verdict in ("confirmed", "contradicted") else "none"
        look = {"color": colour, "marker": "o", "fillstyle": fill, "capsize": 3}
        area.errorbar([100 * one.value], [place], xerr=bars, **look)
        area.plot([100 * one.bound] * 2, [place - 0.3, place + 0.3], ":", color="black", linewidth=1)
    for place, (_, one) in enumerate(decided):
        word = "not made" if one is None else one.verdict
        area.annotate(word, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    area.set_yticks(range(len(decided)), [textwrap.fill(claim.sentence, 44) for claim, _ in decided])
    area.set_ylim(len(decided) - 0.5, -0.5)
    area.spines[["top", "right"]].set_visible(False)
    area.set_xlabel(
        "effect in points of accuracy (of distances: in hundredths);\nthe claim holds right of the dotted line"
    )
    return figure


def _once(verdicts: Sequence[tuple[str, Verdict]]) -> list[Judged]:
    """Each finding once for each setting."""
    found: dict[tuple[str, str], Judged] = {}
    for name, one in verdicts:
        key = one.finding, one.setting
        before = found.get(key)
        if before is None:
            found[key] = Judged((name,), one)
        else:
            items = (*before.items, name) if name not in before.items else before.items
            found[key] = Judged(items, max(before.verdict, one, key=lambda each: each.seeds))
    return list(found.values())


def _counts(items: int, judged: Sequence[Judged]) -> str:
    words = [one.verdict.verdict for one in judged]
    counts = ", ".join(f"{words.count(word)} {word}" for word in get_args(Word))
    return f"{items} of {counted(len(ITEMS), 'item')}; {counted(len(judged), 'finding')}: {counts}."


def _claims(decided: Sequence[tuple[Claim, Verdict | None]], below: str) -> str:
    lines = ["| the paper's claim | here | item | numbers |", "| --- | --- | --- | --- |"]
    for claim, one in decided:
        word, numbers = ("not made", "") if one is None else (one.verdict, one.described)
        item = claim.item if one is None else f"[{claim.item}]({below}/{claim.item}/{PAGE})"
        lines.append(f"| {claim.sentence} | **{word}** | {item} | {numbers} |")
    return "\n".join(lines)


def _linked(judged: Sequence[Judged], below: str) -> str:
    """Verdicts in a table, with links to their items."""
    rows = [(", ".join(f"[{name}]({below}/{name}/{PAGE})" for name in one.items), one.verdict) for one in judged]
    return verdict_table(rows)
