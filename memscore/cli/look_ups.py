"""Commands that look scores up: scores list, top, lookup, show, test, histogram, explain."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from memscore.cli.context import opened_client, plain
from memscore.cli.naming import Names, Split
from memscore.cli.options import MOST_LISTED, Json, Url
from memscore.cli.score_rows import INTERVAL, named, print_rows, rows_of
from memscore.client import Client
from memscore.console import decimal, note, out, percent, print_json, print_record, print_table, warn
from memscore.counted import counted
from memscore.errors import InvalidInput
from memscore.files import read_file
from memscore.messages.message import MOST_A_PAGE
from memscore.messages.pairs import Explanation, Influence, Pair
from memscore.messages.reviews import ReviewFilter
from memscore.messages.scores import Histogram, SampleScore, SetFilter, TestScore
from memscore.naming import label_of
from memscore.scores.selection import Order
from memscore.scores.tables import NO_TEST_PART
from memscore.statistics.findings import LEVEL

BAR = 50  # characters of the longest bar of a histogram
PARTS = " ▏▎▍▌▋▊▉█"


def list_scores(
    study: str,
    label: Annotated[str | None, typer.Option(help="Only samples of this class, by name or number.")] = None,
    set: Annotated[SetFilter | None, typer.Option(help="Only samples of this set.")] = None,
    review: Annotated[ReviewFilter | None, typer.Option(help="Only what reviewers have decided so.")] = None,
    mem_min: Annotated[float | None, typer.Option(min=-1, max=1, help="Minimum mem.")] = None,
    mem_max: Annotated[float | None, typer.Option(min=-1, max=1, help="Maximum mem.")] = None,
    range: Annotated[
        list[str] | None,
        typer.Option(help="Bounds of a column, COLUMN:LEAST:MOST, such as p_out:0.1:0.5 or se::0.05; repeatable."),
    ] = None,
    sort: Annotated[
        str, typer.Option(help="Column to sort by; a leading - sorts in descending order: --sort=-se.")
    ] = "-mem",
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="Maximum number of samples.")] = 20,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List training samples, filtered and sorted."""
    with opened_client(url) as client:
        found = client.iter_scores(
            study,
            label=_label(client, study, label),
            set=set,
            review=review,
            mem_min=mem_min,
            mem_max=mem_max,
            range=",".join(range) if range else None,
            sort=sort,
            page=min(limit, MOST_A_PAGE),
        )
        samples = list(islice(found, limit))
        names = Names.of(client, study, [one.index for one in samples])
    rows = [_named(sample, names) for sample in samples]
    if as_json:
        print_json(rows)
        return
    print_rows(map(_with_limits, rows), ("index", "label", "mem", "se", INTERVAL, "p_in", "p_out", "set"))


def top_scores(
    study: str,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Number of samples.")] = 10,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the most memorized training samples."""
    with opened_client(url) as client:
        table = client.table(study)
        order = Order("mem", descending=True).of(table)[:count]
        rows = named(
            client, study, rows_of(table, order, ("label", "mem", "se", "mem_low", "mem_high", "p_in", "p_out"))
        )
    if as_json:
        print_json(rows)
        return
    warn(*table.warnings)
    print_rows(rows, ("index", "label", "mem", "se", INTERVAL, "p_in", "p_out"))


def look_up_scores(
    study: str,
    indices: Annotated[list[int] | None, typer.Argument(metavar="INDEX...", show_default=False)] = None,
    indices_file: Annotated[
        Path | None, typer.Option(help="A text file of indices, separated by commas, spaces or lines.")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Look up training samples by their indices."""
    wanted = [*(indices or []), *([] if indices_file is None else _indices(indices_file))]
    if not wanted:
        raise InvalidInput("Name the samples: memscore scores lookup STUDY 3 5 7, or --indices-file FILE.")
    with opened_client(url) as client:
        columns = client.scores(study, wanted)
        names = Names.of(client, study, wanted)
    shown = ("index", "label", "mem", "se", "mem_low", "mem_high", "p_in", "p_out", "n_in", "n_out")
    rows = names.rows({name: plain(columns[name][row]) for name in shown} for row in range(len(wanted)))
    if as_json:
        called = ("name", "class_name") if names.has("train") else ("class_name",)
        print_json(
            {name: [plain(value) for value in column] for name, column in columns.items()}
            | {name: [row[name] for row in rows] for name in called}
        )
        return
    print_rows(rows, shown)


def show_score(study: str, index: int, url: Url = None, as_json: Json = False) -> None:
    """Show the scores of one training sample."""
    with opened_client(url) as client:
        score = client.score(study, index)
        names = Names.of(client, study, [index])
    print_record(_named(score, names), as_json)


def show_test_score(study: str, index: int, url: Url = None, as_json: Json = False) -> None:
    """Show the scores of one test sample."""
    with opened_client(url) as client:
        score = client.test_score(study, index)
        names = Names.of(client, study, [] if score.infl_index is None else [score.infl_index], [index])
        strongest = client.pairs(study, test_index=index, train_index=score.infl_index, limit=1).pairs
    record: dict[str, Any] = {}
    for name, value in _named(score, names, "test").items():
        record[name] = value
        if name == "infl_index" and value is not None:
            record |= names.fields("train", value, "infl_name")
            record["infl_q"] = _q(strongest[0]) if strongest else None
    print_record(record, as_json)
    if not as_json and strongest and (q := _q(strongest[0])) is not None and q > LEVEL:
        note("The strongest influence on it cannot be told from chance (infl_q is its false-discovery rate).")


def show_histogram(
    study: str,
    bins: Annotated[int, typer.Option(min=1, max=1000, help="Number of bins.")] = 20,
    column: Annotated[Literal["mem", "se", "p_in", "p_out"], typer.Option(help="Column to show.")] = "mem",
    label: Annotated[str | None, typer.Option(help="Only samples of this class, by name or number.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show the distribution of mem, or another column, over the training samples."""
    with opened_client(url) as client:
        histogram = client.histogram(study, bins=bins, column=column, label=_label(client, study, label))
    if as_json:
        print_json(histogram)
        return
    _print_histogram(histogram)


def explain_score(
    study: str,
    index: int,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Maximum length of each list.")] = 10,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Explain why a training sample has its score."""
    with opened_client(url) as client:
        explanation = client.explain(study, index, limit=limit, holding=True)
        tested = explanation.influences or client.dataset(client.study(study).dataset).test_samples
        beside = {other.train_index for one in explanation.influences for other in one.others}
        names = Names.of(
            client,
            study,
            [index, *beside, *(one.index for one in explanation.rivals)],
            [one.test_index for one in explanation.influences],
        )
    if as_json:
        print_json(_named_explanation(explanation, names))
        return
    _print_explanation(explanation, names, NO_TEST_PART if not tested else None)


def _label(client: Client, study: str, given: str | None) -> int | None:
    """The number of the class that `--label` names. Raises InvalidInput."""
    return None if given is None else label_of(client.dataset(client.study(study).dataset).class_names, given)


def _indices(file: Path) -> list[int]:
    words = read_file(file).decode(errors="replace").replace(",", " ").split()
    wrong = next((word for word in words if not word.isdecimal()), None)
    if wrong is not None:
        raise InvalidInput(f"{file} holds {wrong[:40]!r}, which is not an index.")
    return [int(word) for word in words]


def _named(score: SampleScore | TestScore, names: Names, split: Split = "train") -> dict[str, Any]:
    """The fields of a score with the names of the sample and of its class."""
    row: dict[str, Any] = {}
    for name, value in score.model_dump(mode="json").items():
        row[name] = value
        if name == "label":
            row["class_name"] = names.class_name(value)
    return row | names.fields(split, score.index)


def _with_limits(row: dict[str, Any]) -> dict[str, Any]:
    low, high = row["interval"]
    return {**row, "mem_low": low, "mem_high": high}


def _print_histogram(histogram: Histogram) -> None:
    """Print the bars from the first nonempty bin to the last."""
    filled = [place for place, count in enumerate(histogram.counts) if count]
    samples, trials = counted(sum(histogram.counts), "training sample"), counted(histogram.trials, "trial")
    out.print(f"{histogram.column} of {samples}, {trials}")
    most = max(histogram.counts, default=0)
    for place in range(filled[0], filled[-1] + 1) if filled else ():
        count = histogram.counts[place]
        low, high = histogram.edges[place : place + 2]
        out.print(Text.assemble((f"{low:6.2f} to {high:5.2f} ", "dim"), (_bar(count / most), "cyan"), f" {count}"))
    if histogram.undefined:
        out.print(f"{histogram.undefined} undefined")


def _bar(share: float) -> str:
    """A bar in eighths of a character; a share above 0 always shows at least one eighth."""
    eighths = max(round(share * BAR * 8), 1 if share else 0)
    return PARTS[-1] * (eighths // 8) + PARTS[eighths % 8].strip()


def _q(one: Influence | Pair) -> float | None:
    """The q-value by which a pair is judged: weighted if there is one."""
    return one.q_value if one.q_weighted is None else one.q_weighted


def _named_explanation(explanation: Explanation, names: Names) -> dict[str, Any]:
    """An explanation as plain data, with names beside the indices of samples that have one."""
    found = explanation.model_dump(mode="json")
    for one in found["influences"]:
        one |= names.fields("test", one["test_index"], "test_name")
        for other in one["others"]:
            other |= names.fields("train", other["train_index"], "train_name")
    for rival in found["rivals"]:
        rival |= names.fields("train", rival["index"]) | {"class_name": names.class_name(rival["label"])}
    return found


def _vote(explanation: Explanation, names: Names) -> str:
    """What held-out trials say of the label."""
    suggested = names.class_name(explanation.suggested)
    says = f"Of the trials that did not train on it, {percent(explanation.share, 0)} say {suggested}"
    if explanation.label_error is None:
        return f"{says}."
    more = ", a suspected label error" if explanation.suspected else ""
    return f"{says}; its label is wrong with a probability of {percent(explanation.label_error, 0)}{more}."


def _print_explanation(explanation: Explanation, names: Names, nothing: str | None) -> None:
    index = explanation.score.index
    called = names.fields("train", index).get("name")
    out.print(f"{'' if called is None else f'{called}: '}{explanation.sentence}", soft_wrap=True)
    if explanation.suggested is not None:
        out.print(_vote(explanation, names))
    if explanation.influences:
        weighted = any(one.q_weighted is not None for one in explanation.influences)
        listed = len(explanation.influences)
        first = f" (the first {listed} listed)" if explanation.influenced > listed else ""
        held = (
            "imported without q-values"
            if explanation.holding is None
            else f"{explanation.holding} of {max(listed, explanation.influenced)} "
            f"{'holds' if explanation.holding == 1 else 'hold'} at a false-discovery rate of "
            f"{percent(LEVEL, 0)}, the rest cannot be told from chance"
        )
        out.print(f"\nTest samples that it influences: {held}{first}")
        print_table(
            ("test", "infl", "se", "weighted q" if weighted else "q-value", "also influenced, perhaps by chance, by"),
            (
                (
                    names.numbered("test", one.test_index),
                    decimal(one.infl),
                    decimal(one.se),
                    "-" if (q := _q(one)) is None else f"{q:.2g}",
                    ", ".join(
                        f"{names.sample('train', other.train_index)} ({decimal(other.infl)})" for other in one.others
                    )
                    or "-",
                )
                for one in explanation.influences
            ),
        )
    else:
        out.print(nothing or f"It influences no test sample by {explanation.floor:g} or more.")
    if explanation.rivals:
        out.print(
            "\nTraining samples that influence the same test samples, by pairs that hold (overlap: sum of the smaller "
            "infl over shared test samples)"
        )
        print_table(
            ("sample", "class", "mem", "shared", "overlap"),
            (
                (
                    names.numbered("train", rival.index),
                    names.class_name(rival.label),
                    decimal(rival.mem),
                    rival.shared,
                    decimal(rival.overlap),
                )
                for rival in explanation.rivals
            ),
        )
