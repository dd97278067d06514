"""The command on the sets of a study: sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from memscore.cli.context import opened_client
from memscore.cli.naming import Names, Split
from memscore.cli.options import Json, Url
from memscore.client import Client
from memscore.console import out, print_json, print_table, warn
from memscore.files import write_file
from memscore.messages.scores import SetsMessage
from memscore.scores.sets import Rule, Thresholds, worth

FIRST = 3
"""Samples of each set that are shown by name."""

Labels = dict[Split, list[int]]


def sets(
    study: str,
    atypical: Annotated[
        float, typer.Option(min=0, max=1, help="Lower bound of mem and infl of atypical samples.")
    ] = Thresholds.atypical,
    typical: Annotated[
        float, typer.Option(min=0, max=1, help="Upper bound of mem and infl of typical samples.")
    ] = Thresholds.typical,
    test_accuracy: Annotated[
        float, typer.Option(min=0, max=1, help="Minimum accuracy of typical test samples.")
    ] = Thresholds.test_accuracy,
    rule: Annotated[
        Rule,
        typer.Option(help="Atypical test samples: by the probability of their influence, or by its raw estimate."),
    ] = Thresholds.rule,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the masks to this .npz file.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Count the typical and atypical samples, and optionally write their masks."""
    thresholds = Thresholds(atypical, typical, test_accuracy, rule)
    with opened_client(url) as client:
        message = client.set_indices(study, thresholds)
        names, labels = _names(client, study, message, every=as_json)
        if output is not None:
            masks = client.sets(study, thresholds)
            write_file(output, masks.encode(digest=message.digest))
    if as_json:
        print_json(message.model_dump(mode="json") | _named(message, names, labels))
        return
    warn(*message.warnings)
    sure = message.sure or {}
    print_table(
        ("set", "samples", "sure", "the first of them"),
        (
            (name, count, sure.get(name, "-"), ", ".join(_shown(names, name, index) for index in first[:FIRST]))
            for (name, count), first in zip(message.counts.items(), message.indices.values(), strict=True)
        ),
    )
    if message.sure is not None:
        bound = message.thresholds["atypical"]
        out.print(
            f"Sure: the whole 95 % interval of mem, by margins if there are any, is on the set's side of {bound:g}."
        )
    for sentence in worth(
        message.rule, message.counts, message.expected_false, message.typical_false, message.by_chance
    ):
        out.print(sentence)
    if output is not None:
        out.print(f"Masks written to {output}")


def _names(client: Client, study: str, message: SetsMessage, *, every: bool) -> tuple[Names, Labels]:
    """Names of `every` sample of the sets and the labels of both parts, or the names of the first ones."""
    wanted: dict[Split, set[int]] = {"train": set(), "test": set()}
    for name, indices in message.indices.items():
        wanted[_part(name)].update(indices if every else indices[:FIRST])
    names = Names.of(client, study, wanted["train"], wanted["test"])
    if not every:
        return names, {}
    table = client.table(study)
    return names, {"train": table["label"].tolist(), "test": table["test_label"].tolist()}


def _named(message: SetsMessage, names: Names, labels: Labels) -> dict[str, Any]:
    """The names of the sets' samples, as far as a part has any, and of their classes, in the order of the indices."""
    of_samples = {
        name: [names.fields(_part(name), index).get("name") for index in indices]
        for name, indices in message.indices.items()
        if names.has(_part(name))
    }
    of_classes = {
        name: [names.class_name(labels[_part(name)][index]) for index in indices]
        for name, indices in message.indices.items()
    }
    return ({"names": of_samples} if of_samples else {}) | {"class_names": of_classes}


def _shown(names: Names, name: str, index: int) -> str:
    """A sample's index, name and class, as far as they are known."""
    split = _part(name)
    of = names.class_fields(split, index).get("class_name")
    return f"{names.numbered(split, index)}{'' if of is None else f' ({of})'}"


def _part(name: str) -> Split:
    """The part whose samples are in a set."""
    return "train" if name.startswith("train") else "test"
