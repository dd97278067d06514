"""Commands on reviews of training samples: review list, set, export, apply."""

from __future__ import annotations

import csv
import io
from typing import Annotated

import typer

from memscore import settings as settings_module
from memscore.cli.context import opened_client
from memscore.cli.naming import Names
from memscore.cli.options import Json, Output, Url
from memscore.console import note, out, print_json, print_table
from memscore.counted import counted
from memscore.errors import InvalidInput
from memscore.files import write_file
from memscore.messages.reviews import ReviewCounts, Verdict
from memscore.naming import label_of
from memscore.progress import progress_lines

VERDICTS = "error: the label is wrong; fine: it is right; unsure; none: take the verdict back."
WORDS = {"relabel": "relabelled", "leave_out": "left out", "fine": "fine", "unsure": "unsure", "disputed": "disputed"}


def list_reviews(
    study: str,
    verdict: Annotated[Verdict | None, typer.Option(help="Only these verdicts.")] = None,
    reviewer: Annotated[str | None, typer.Option(help="Only those of this reviewer.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the verdicts on a study's training samples, and what they come to."""
    with opened_client(url) as client:
        found = client.reviews(study, verdict=verdict, reviewer=reviewer)
        if as_json:
            print_json(found)
            return
        names = Names.of(client, study, [one.index for one in found.reviews])
        classes = client.dataset(client.study(study).dataset).class_names
    note(_sentence(found.counts))
    rows = [
        {
            "index": one.index,
            "given": classes[one.given],
            "verdict": one.verdict,
            "right": "" if one.label is None else classes[one.label],
            "reviewer": one.reviewer,
            "when": "" if one.at is None else one.at.strftime("%Y-%m-%d %H:%M"),
        }
        for one in found.reviews
    ]
    if rows:
        shown = names.rows(rows)
        print_table(tuple(shown[0]), (tuple(row.values()) for row in shown))


def review_sample(
    study: str,
    index: Annotated[int, typer.Argument(help="The training sample.")],
    verdict: Annotated[str, typer.Argument(metavar="VERDICT", help=VERDICTS)],
    label: Annotated[
        str | None, typer.Option(help="With error: the right class, by name or number; without it, none is right.")
    ] = None,
    reviewer: Annotated[str | None, typer.Option(help="Who says so; with an API key its name.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Say that the label of a training sample is wrong, right or unclear; an earlier verdict is replaced."""
    said: Verdict | None
    match verdict:
        case "error" | "fine" | "unsure":
            said = verdict
        case "none":
            said = None
        case _:
            raise InvalidInput(f"VERDICT: {verdict[:40]!r} is none of error, fine, unsure and none.")
    with opened_client(url) as client:
        classes = tuple(client.dataset(client.study(study).dataset).class_names)
        number = None if label is None else label_of(classes, label)
        made = client.review(study, index, said, label=number, reviewer=reviewer)
    if as_json:
        print_json(made)
        return
    right = "" if made.label is None else f", {classes[made.label]} is right"
    what = f"{made.verdict}{right}" if made.verdict else "verdict taken back"
    out.print(f"Sample {index} ({classes[made.given]}): {what}, by {made.reviewer}", soft_wrap=True, markup=False)


def export_reviews(study: str, output: Output, url: Url = None, as_json: Json = False) -> None:
    """Write what the reviews change as CSV: index and label, empty to leave a sample out.

    `memscore datasets export NAME --changes FILE` reads it.
    """
    from memscore.scores.reviews import changes
    from memscore.workflows.reviews import decisions_of

    with opened_client(url) as client:
        new = changes(decisions_of(client.reviews(study)))
        classes = client.dataset(client.study(study).dataset).class_names
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("index", "label"))
    writer.writerows((index, "" if label is None else classes[label]) for index, label in new.items())
    write_file(output, text.getvalue().encode())
    if as_json:
        print_json({"file": str(output), "changes": len(new)})
    else:
        out.print(f"{counted(len(new), 'change')} written to {output}", soft_wrap=True, markup=False)


def apply_reviews(
    study: str,
    name: Annotated[str, typer.Option(help="The corrected dataset's name.")],
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Register the study's dataset with the labels that its reviewers agree on, without the samples they leave out."""
    from memscore.workflows.embedded import opened_database
    from memscore.workflows.reviews import add_corrected

    settings = settings_module.load()
    with (
        progress_lines(f"adding {name}", lines=not as_json),
        opened_client(url) as client,
        opened_database(settings) as database,
    ):
        made = add_corrected(database, settings, client, study, name)
    if as_json:
        print_json(
            {"dataset": made.dataset.name, "fingerprint": made.dataset.fingerprint}
            | {"relabelled": made.relabelled, "left_out": made.left_out}
        )
        return
    relabelled = counted(made.relabelled, "sample")
    out.print(f"Dataset {made.dataset.name}: {relabelled} relabelled and {made.left_out:,} left out", soft_wrap=True)
    note(f"estimate it with the recipe of {study}, then look at its suspects: memscore scores suspects STUDY")


def _sentence(counts: ReviewCounts) -> str:
    parts = ((getattr(counts, kind), word) for kind, word in WORDS.items())
    told = ", ".join(f"{number:,} {word}" for number, word in parts if number)
    return f"{counted(counts.reviewed, 'sample')} reviewed{f': {told}' if told else ''}"
