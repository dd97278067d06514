"""Commands on pairs of a training and a test sample: list, duplicates, export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from typing import Annotated, Any

import typer

from memscore import settings as settings_module
from memscore.cli.context import opened_client, plain
from memscore.cli.naming import SPLITS, Names, Split
from memscore.cli.options import MOST_LISTED, Json, Output, Url
from memscore.cli.written import print_written
from memscore.client import Client
from memscore.client.study_calls import PairFilters
from memscore.console import decimal, note, out, percent, print_json, print_table, warn
from memscore.counted import counted
from memscore.errors import InvalidInput, NotFound
from memscore.files import write_file
from memscore.messages.message import MOST_A_PAGE
from memscore.messages.pairs import Duplicate
from memscore.progress import progress_lines
from memscore.scores.duplicates import ALIKE, LEAST_ALIKE, LIMITS, LIMITS_OF_FEATURES, Copies, near_duplicates
from memscore.scores.frames import Format, encode, format_of
from memscore.scores.suspects import duplicates
from memscore.scores.tables import NO_TEST_PART, PairsTable, ScoreTable
from memscore.statistics.findings import LEVEL

RESTS_ON_ONE = (
    "Found by evidence: test samples that models classify correctly only if they train on one sample. An easy image "
    "does not depend on its copy and is not found so; with few trials, some are chance."
)


CHOSEN = (
    "infl of pairs that were chosen for being strong is too high on average; expected infl allows for that, and for "
    "how alike the samples are."
)


def list_pairs(
    study: str,
    train_index: Annotated[int | None, typer.Option(min=0, help="Only pairs of this training sample.")] = None,
    test_index: Annotated[int | None, typer.Option(min=0, help="Only pairs of this test sample.")] = None,
    infl_min: Annotated[float | None, typer.Option(min=-1, max=1, help="Minimum influence.")] = None,
    mem_min: Annotated[float | None, typer.Option(min=-1, max=1, help="Minimum mem of the training sample.")] = None,
    q_max: Annotated[
        float | None, typer.Option(min=0, max=1, help="Maximum false-discovery rate, without weights.")
    ] = None,
    q_weighted_max: Annotated[
        float | None, typer.Option(min=0, max=1, help="Maximum false-discovery rate, with similar pairs weighted more.")
    ] = None,
    p_min: Annotated[
        float | None, typer.Option(min=0, max=1, help="Minimum probability that the influence is above 0.15.")
    ] = None,
    holding: Annotated[
        bool, typer.Option("--holding", help="Only pairs that hold at a false-discovery rate of 5 %.")
    ] = False,
    harmful: Annotated[
        bool, typer.Option("--harmful", help="Pairs of all classes in which the training sample harms; takes a while.")
    ] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=MOST_LISTED, help="Maximum number of pairs: those that hold first.")
    ] = 20,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List pairs of a training sample and a test sample that it influences: those that hold, then the strongest."""
    wanted: PairFilters = {
        "train_index": train_index,
        "test_index": test_index,
        "infl_min": infl_min,
        "mem_min": mem_min,
        "q_max": q_max,
        "q_weighted_max": q_weighted_max,
        "p_min": p_min,
    }
    if holding:
        wanted["holding"] = True  # sent only if set, like `harmful`
    if harmful:
        if q_weighted_max is not None or p_min is not None:
            raise InvalidInput("Harmful pairs have no weighted q-values and no probability: use --q-max.")
        wanted["harmful"] = True  # sent only if set: an older service does not know it
    with opened_client(url) as client:
        page = min(limit, MOST_A_PAGE)
        in_all = client.pairs(study, limit=1).found if not harmful else None
        strongest = list(islice(client.iter_pairs(study, page=page, **wanted), limit))
        weighted = any(one.q_weighted is not None for one in strongest)
        held: PairFilters = {**wanted}
        if weighted:
            held["q_weighted_max"] = LEVEL if q_weighted_max is None else min(LEVEL, q_weighted_max)
        else:
            held["q_max"] = LEVEL if q_max is None else min(LEVEL, q_max)
        certain = list(islice(client.iter_pairs(study, page=page, **held), limit))
        listed = [*certain, *strongest]
        names = Names.of(client, study, [one.train_index for one in listed], [one.test_index for one in listed])
        tested = bool(strongest) or client.dataset(client.study(study).dataset).test_samples > 0
    if harmful and any(one.infl > 0 for one in strongest):
        raise InvalidInput("This service is too old to list harmful pairs.")
    known = {(one.train_index, one.test_index) for one in certain}
    rest = [one for one in strongest if (one.train_index, one.test_index) not in known]
    found = [*certain, *rest][:limit]
    if as_json:
        print_json([pair.model_dump(mode="json") | _named(names, pair.model_dump()) for pair in found])
        return
    if not tested:
        out.print(NO_TEST_PART)
        return
    if not found:
        out.print(f"No {'harmful ' if harmful else ''}pair meets these conditions.")
    else:
        by = " (weighted by similarity)" if weighted else ""
        whole = "" if in_all is None else f" The whole study has {counted(in_all, 'such pair')}."
        judged = any(one.q_value is not None or one.q_weighted is not None for one in found)
        verdict = (
            f"{_hold(len(certain))} at a false-discovery rate of {percent(LEVEL, 0)}{by}; "
            f"{len(found) - len(certain)} cannot be told from chance"
            if judged
            else "none was tested: imported influences have no q-values"
        )
        out.print(f"Of {counted(len(found), 'pair')} listed, {verdict}.{whole}")
        _print_pairs([pair.model_dump() for pair in found], names)
        if weighted:
            note(CHOSEN)
    if harmful:
        out.print("Looked for among the pairs of all classes, at most ten of each test sample; q-values are for harm.")


def list_duplicates(
    study: str,
    infl_min: Annotated[float, typer.Option(min=0, max=1, help="Minimum influence on the test sample.")] = 0.8,
    mem_min: Annotated[float, typer.Option(min=-1, max=1, help="Minimum mem of the training sample.")] = 0.8,
    alike: Annotated[
        float,
        typer.Option(min=LEAST_ALIKE, max=1, help="Minimum correlation of the pixels, or likeness of the features."),
    ] = ALIKE,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List copies of training samples by pixels or features, and test samples that depend on one sample.

    Pixels and features are those of the dataset in this machine's home folder, or else in the service's.
    """
    with opened_client(url) as client:
        pairs, scores = client.pairs_table(study), client.table(study)
        found, limits = _copies(client, study, scores, pairs, alike, lines=not as_json)
        chosen = duplicates(pairs, infl_min, mem_min)
        rows: list[dict[str, Any]] = [{name: plain(pairs[name][row]) for name in pairs.dtypes} for row in chosen]
        names = Names.of(client, study, *_samples(found or [], rows))
    if as_json:
        copies = None if found is None else [_named_copy(one, names) for one in found]
        print_json({"pixels": copies, "influence": [row | _named(names, row) for row in rows]})
        return
    if found is not None:
        note(limits)
        _print_copies(found, names, "pixels" if limits == LIMITS else "features")
    if not scores.test_samples:
        out.print(NO_TEST_PART)
        return
    note(RESTS_ON_ONE)
    held = sum(_holds(row) for row in rows)
    out.print(
        f"By evidence: {counted(len(rows), 'pair')}, of which {_hold(held)} at a false-discovery rate of "
        f"{percent(LEVEL, 0)}; {len(rows) - held} cannot be told from chance."
        if rows
        else "By evidence: none."
    )
    if rows:
        _print_pairs(rows, names)


def _copies(
    client: Client, study: str, scores: ScoreTable, pairs: PairsTable, alike: float, *, lines: bool
) -> tuple[list[Copies] | None, str]:
    """Copies by the samples in the home folder of this machine or of the service, and what is not found so.

    None if the samples are in neither.
    """
    from memscore.workflows.datasets import dataset_of_study

    try:
        dataset = dataset_of_study(client, settings_module.load(), client.study(study))
    except NotFound as error:
        try:
            with progress_lines("comparing samples in the service", lines=lines):
                return _copies_of_service(client, study, alike)
        except NotFound:
            warn(f"{error} Samples were not compared.")
            return None, LIMITS
    of_images = dataset.kind == "images"
    with progress_lines(f"comparing {'pixels' if of_images else 'features'}", lines=lines):
        found = near_duplicates(
            dataset.x_train,
            dataset.y_train,
            dataset.x_test,
            dataset.y_test,
            scores=scores,
            pairs=pairs,
            alike=alike,
            without=(dataset.forgotten.train, dataset.forgotten.test),
        )
    return found, LIMITS if of_images else LIMITS_OF_FEATURES


def _copies_of_service(client: Client, study: str, alike: float) -> tuple[list[Copies], str]:
    """All copies that the service finds, and its note on them. Raises NotFound if it cannot look."""
    found: list[Copies] = []
    while True:
        page = client.duplicates(study, alike=alike, limit=MOST_A_PAGE, offset=len(found))
        found += [Copies(**_with_nan(one)) for one in page.copies]
        if not page.copies or len(found) >= page.matching:
            return found, page.note


def _with_nan(copy: Duplicate) -> dict[str, Any]:
    """A copy's fields as the engine has them: NaN for what is not defined."""
    fields = copy.model_dump(exclude={"name", "other_name"})
    return {name: float("nan") if value is None else value for name, value in fields.items()}


def _samples(copies: list[Copies], rows: list[dict[str, Any]]) -> tuple[set[int], set[int]]:
    """The training and test samples of copies and of pairs."""
    parts: dict[Split, set[int]] = {split: {row[f"{split}_index"] for row in rows} for split in SPLITS}
    for one in copies:
        parts["train"].add(one.index)
        parts[one.split].add(one.other)
    return parts["train"], parts["test"]


def _named_copy(copy: Copies, names: Names) -> dict[str, Any]:
    """A copy as plain data with None for NaN, and with the names of both samples and of their classes."""
    fields = {name: None if value != value else value for name, value in asdict(copy).items()}
    called = names.fields("train", copy.index) | names.fields(copy.split, copy.other, "other_name")
    return {
        **fields,
        **called,
        "class_name": names.class_name(copy.label),
        "other_class_name": names.class_name(copy.other_label),
    }


def _holds(row: dict[str, Any]) -> bool:
    """Whether a pair's q-value, weighted if there is one, is at most LEVEL."""
    q = row["q_weighted"] if _known(row["q_weighted"]) else row["q_value"]
    return _known(q) and q <= LEVEL


def _print_copies(found: list[Copies], names: Names, by: str) -> None:
    copies = {split: sum(one.split == split for one in found) for split in ("test", "train")}
    if not found:
        out.print(f"By {by}: no copies, neither in the test set nor within the training set.")
        return
    print_table(
        ("training sample", "copy", "kind", "correlation", "classes", "mem", "infl"),
        (
            (
                names.numbered("train", one.index),
                f"{one.split} {names.numbered(one.split, one.other)}",
                one.kind,
                f"{one.correlation:.4f}",
                ", ".join(dict.fromkeys(names.class_name(label) for label in (one.label, one.other_label))),
                decimal(one.mem),
                decimal(one.infl),
            )
            for one in found
        ),
        title=f"By {by}: {counted(copies['test'], 'copy')} in the test set, {copies['train']:,} within the training "
        "set",
    )


def export_pairs(
    study: str,
    output: Output,
    format: Annotated[Format | None, typer.Option("--format", help="Default: from the file's suffix.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Write the pairs table as npz, csv, parquet or arrow."""
    chosen = format or format_of(output)
    with opened_client(url) as client:
        pairs = client.pairs_table(study)
    write_file(output, encode(pairs, chosen))
    print_written(output, len(pairs), "pairs", chosen, as_json)


def _named(names: Names, row: Mapping[str, Any]) -> dict[str, Any]:
    """The names of a pair's samples and of their classes, as far as they are known."""
    found: dict[str, Any] = {}
    for split in SPLITS:
        index = row[f"{split}_index"]
        found |= names.fields(split, index, f"{split}_name") | names.class_fields(split, index, f"{split}_class_name")
    return found


def _print_pairs(rows: list[dict[str, Any]], known: Names) -> None:
    weighted = any(_known(row["q_weighted"]) for row in rows)
    named = [_named(known, row) for row in rows]
    called = tuple(name for name in ("train_name", "test_name") if any(name in one for one in named))
    classes = [
        ", ".join(dict.fromkeys(one[name] for name in ("train_class_name", "test_class_name") if name in one)) or "-"
        for one in named
    ]
    names = ("train", "test", *called, "class", "infl", "se")
    more = ("expected infl", "weighted q", "P(strong)", "mem") if weighted else ("q-value", "mem")
    print_table(
        (*names, *more),
        (
            (
                row["train_index"],
                row["test_index"],
                *(one.get(name, "-") for name in called),
                of,
                decimal(row["infl"]),
                decimal(row["se"]),
                *(
                    (decimal(row["infl_mean"]), _q(row["q_weighted"]), decimal(row["p_strong"]), decimal(row["mem"]))
                    if weighted
                    else (_q(row["q_value"]), decimal(row["mem"]))
                ),
            )
            for row, one, of in zip(rows, named, classes, strict=True)
        ),
    )


def _hold(count: int) -> str:
    return f"{count} {'holds' if count == 1 else 'hold'}"


def _known(value: float | None) -> bool:
    return value is not None and value == value


def _q(value: float | None) -> str:
    return f"{value:.2g}" if value is not None and _known(value) else "-"
