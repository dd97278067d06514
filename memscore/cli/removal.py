"""Commands that rename and remove datasets and studies, forget samples, and prune jobs."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer
from pydantic import BaseModel
from rich.filesize import decimal

from memscore.cli.context import opened_client
from memscore.cli.options import Json, Url
from memscore.console import out, print_json, print_table, warn
from memscore.counted import counted
from memscore.datasets.forgotten import Forgotten, described
from memscore.durations import seconds_of
from memscore.errors import InvalidInput
from memscore.messages.removal import SamplesForgotten, StudyRemoved

MOST_NAMED = 5
MOST_SHOWN = 40  # characters of a wrong argument
Yes = Annotated[
    str | None,
    typer.Option("--yes", metavar="NAME", help="Remove it without asking; the name again, against mistakes."),
]


def rename_dataset(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The dataset's name.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its name from now on.")],
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Give a dataset another name; its studies stay."""
    with opened_client(url) as client:
        dataset = client.rename_dataset(old, new)
    _say(dataset, _renamed("Dataset", old, dataset.name), as_json)


def remove_dataset(name: str, yes: Yes = None, url: Url = None, as_json: Json = False) -> None:
    """Remove a dataset that no study uses, with its files; without --yes, say what would go and ask."""
    with opened_client(url) as client:
        would = client.remove_dataset(name, dry_run=True)
        files = (
            f"{decimal(would.bytes)} of files"
            if would.bytes
            else "no files: another name needs them, or none are there"
        )
        what = f"dataset {would.name}: {counted(would.samples, 'sample')}, {files}"
        removed = client.remove_dataset(name, confirm=_confirmed(yes, would.name, what, would, as_json))
    _say(removed, f"Removed {what}", as_json)


def forget_samples(
    name: str,
    train: Annotated[list[int] | None, typer.Option("--train", min=0, help="A training sample; repeat it.")] = None,
    test: Annotated[list[int] | None, typer.Option("--test", min=0, help="A test sample; repeat it.")] = None,
    yes: Annotated[
        str | None,
        typer.Option("--yes", metavar="NAME", help="Remove them without asking; the dataset's name, against mistakes."),
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Overwrite samples, such as images of people who ask; scores stay. Without --yes, say what would go and ask."""
    some = tuple(train or ()), tuple(test or ())
    with opened_client(url) as client:
        would = client.forget_samples(name, *some, dry_run=True)
        what = _content(would)
        if would.copies and not as_json:  # before it is confirmed
            warn(f"Equal samples stay: {', '.join(would.copies[:MOST_NAMED])}; forget them too if they show the same.")
        done = client.forget_samples(name, *some, confirm=_confirmed(yes, would.name, what, would, as_json))
    _say(done, f"Removed {what}", as_json)


def list_studies(
    dataset: Annotated[str | None, typer.Option(help="Only studies of this dataset.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the studies, oldest first."""
    with opened_client(url) as client:
        found = client.studies(dataset)
    if as_json:
        print_json(found)
        return
    print_table(
        ("study", "id", "dataset", "recipe", "trials"),
        (
            (
                one.name,
                one.id,
                one.dataset,
                "imported" if one.recipe is None else one.recipe_name or one.recipe.network,
                one.trials,
            )
            for one in found.studies
        ),
    )


def rename_study(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="The study's name or id.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its name from now on; the id stays.")],
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Give a study another name; its id stays."""
    with opened_client(url) as client:
        renamed = client.rename_study(study, new)
    _say(renamed, _renamed("Study", study, renamed.name), as_json)


def remove_study(
    study: str,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Remove its trials too; without it, a study with trials stays.")
    ] = False,
    yes: Yes = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Remove a study with its tables and jobs, and with --evidence its trials; without --yes, say what would go."""
    with opened_client(url) as client:
        would = client.remove_study(study, dry_run=True)
        what = f"study {would.name}: {_parts(would)}"
        if (would.trials or would.full_trials) and not evidence:
            _refuse(would, what, "add --evidence, since trials can only be trained again", as_json)
        confirm = _confirmed(yes, would.name, what, would, as_json)
        removed = client.remove_study(study, confirm=confirm, evidence=evidence)
    _say(removed, f"Removed {what}", as_json)


def prune_jobs(
    older: Annotated[str, typer.Option(help="How long ago they must have finished: 12h, 90d or 26w.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them without asking.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Remove old finished jobs with their events and logs; without --yes, say what would go and ask."""
    seconds = seconds_of(older)
    if seconds is None or older[-1] in "ms":
        shown = older if len(older) <= MOST_SHOWN else f"{older[:MOST_SHOWN]}…"
        raise InvalidInput(f"--older: {shown!r} is not a duration in hours, days or weeks; write 12h, 90d or 26w.")
    with opened_client(url) as client:
        would = client.prune_jobs(seconds, dry_run=True)
        what = f"{counted(would.jobs, 'finished job')}, with {decimal(would.bytes)} of logs"
        if would.jobs and not yes and not dry_run:
            if as_json or not sys.stdin.isatty():
                _refuse(would, what, "add --yes", as_json)
            if not typer.confirm(f"Remove {what}, for good?"):
                _stop()
        pruned = would if dry_run else client.prune_jobs(seconds)
    if not pruned.jobs:
        _say(pruned, f"No job finished over {older} ago.", as_json)
    else:
        what = f"{counted(pruned.jobs, 'finished job')}, with {decimal(pruned.bytes)} of logs"
        _say(pruned, f"This would remove {what}." if dry_run else f"Removed {what}.", as_json)


def _renamed(kind: str, old: str, new: str) -> str:
    return f"{kind} {old} has that name already." if old == new else f"{kind} {old} is now {new}."


def _content(would: SamplesForgotten) -> str:
    """What forgetting takes, as a clause."""
    samples = described(Forgotten.of(would.train, would.test))
    also = f" (also named {', '.join(would.names)})" if would.names else ""
    already = f", {would.before:,} of them removed before" if would.before else ""
    return (
        f"the content of {samples} of dataset {would.name}{also}{already}; their labels and all scores stay, and "
        "nothing more can be trained on the dataset"
    )


def _parts(would: StudyRemoved) -> str:
    """What a study has, as a list."""
    parts = [
        counted(would.trials, "trial"),
        *([counted(would.full_trials, "full trial")] if would.full_trials else []),
        counted(would.tables, "table"),
        *([counted(would.published, "published row")] if would.published else []),
        *([counted(would.reviews, "reviewer's verdict")] if would.reviews else []),
        counted(would.jobs, "job"),
    ]
    return f"{', '.join(parts)}; {decimal(would.bytes)}"


def _confirmed(yes: str | None, name: str, what: str, would: BaseModel, as_json: bool) -> str:
    """The name, given by --yes or typed at the terminal. Exits with status 1 without it; raises for a wrong --yes."""
    if yes is not None:
        if yes != name:
            raise InvalidInput(f"--yes: {yes[:MOST_SHOWN]!r} is not its name, {name!r}. Nothing was removed.")
        return name
    if as_json or not sys.stdin.isatty():
        _refuse(would, what, f"add --yes {name}", as_json)
    out.print(f"This would remove {what}.", soft_wrap=True)
    if typer.prompt(f"Type {name} to remove it for good", default="", show_default=False).strip() != name:
        _stop()
    return name


def _stop() -> NoReturn:
    out.print("Nothing was removed.")
    raise typer.Exit(1)


def _refuse(would: BaseModel, what: str, remedy: str, as_json: bool) -> NoReturn:
    """Say what would go and what to add, and exit with status 1."""
    _say(would, f"This would remove {what}.\nNothing was removed; to remove it, {remedy}.", as_json)
    raise typer.Exit(1)


def _say(message: BaseModel, sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(message)
    else:
        out.print(sentence, soft_wrap=True)
