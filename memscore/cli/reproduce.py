"""The command that makes the paper's figures and tables: reproduce."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memscore import settings as settings_module
from memscore.cli.options import GpusPerRun, Json, Slots
from memscore.cli.runs_progress import runs_watch
from memscore.console import err, fail, note, out, print_json, print_table
from memscore.counted import counted
from memscore.durations import readable
from memscore.errors import InvalidInput
from memscore.progress import progress_lines
from memscore.workflows.job_progress import follow

if TYPE_CHECKING:
    from memscore.workflows.reproduction.items import Reproduction
    from memscore.workflows.reproduction.reproduce import ReproductionCost, ReproductionRequest, ReproductionResult

DAY = 86_400.0


def reproduce(
    what: Annotated[list[str], typer.Argument(help="Items, such as fig1 fig2 table2, or all; list prints them.")],
    scale: Annotated[
        str, typer.Option(help="mini: up to an hour per item on 2 cores. paper: the paper's scale, on GPUs.")
    ] = "mini",
    dataset: Annotated[str | None, typer.Option(help="A registered dataset, instead of the scale's.")] = None,
    model: Annotated[
        str | None, typer.Option(help="A network's name, or package.module:function, instead of the scale's.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="A study of that dataset, instead of a new one.")] = None,
    trials: Annotated[
        int | None, typer.Option(min=10, help="Trials of new studies.", show_default="1000; paper: 2000")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Runs of each kind.", show_default="3, or 1; paper: 1")
    ] = None,
    settings_given: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE: a field of every run's configuration, such as epochs=5."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for runs and items.")] = Path("reproduction"),
    gpus_per_run: GpusPerRun = 1.0,
    slots: Slots = None,
    yes: Annotated[bool, typer.Option("--yes", help="Start even if it takes more than a day here.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what there is to run, and how long it takes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Reproduce the paper's figures and tables: train studies and runs, then write figures, numbers and verdicts.

    All items share studies and runs, and later commands reuse them; the same command resumes an interrupted one.
    """
    from memscore.workflows.reproduction.reproduce import ReproductionRequest, opened_reproduction
    from memscore.workflows.side_by_side import Room

    if what == ["list"]:
        _print_items()
        return
    request = ReproductionRequest(
        items=tuple(what),
        output=output,
        scale=scale,
        dataset=dataset,
        model=model,
        study=study,
        trials=trials,
        seeds=seeds,
        assignments=tuple(settings_given or ()),
        room=Room(gpus_per_run, slots),
    )
    with opened_reproduction(request, settings_module.load(), on_note=note) as work:
        cost = _measured(work, lines=not as_json)
        if dry_run or not as_json:
            _print_cost(work, cost, as_json)
        if dry_run:
            return
        if cost.seconds > DAY and not yes:
            raise InvalidInput(
                "This takes more than a day on this machine; start it with --yes, or on a machine with GPUs."
            )
        found = _made(work, request, lines=not as_json)
    _print(found, work.folder, as_json)


def _measured(work: Reproduction, *, lines: bool) -> ReproductionCost:
    from memscore.workflows.reproduction.reproduce import cost

    with progress_lines("measuring", lines=lines):
        err.print("Measuring how long this takes on this machine ...", highlight=False)
        return cost(work)


def _made(work: Reproduction, request: ReproductionRequest, *, lines: bool) -> ReproductionResult:
    from memscore.workflows.reproduction.reproduce import make

    return make(work, request, follow=partial(follow, lines=lines), watch=runs_watch(lines=lines), on_note=note)


def _print(found: ReproductionResult, folder: Path, as_json: bool) -> None:
    """Print the verdicts and the failures. Raises typer.Exit if anything failed."""
    if as_json:
        print_json([{"item": name, **one.as_json()} for name, one in found.verdicts])
    else:
        rows = ((name, one.finding, one.verdict, one.described) for name, one in found.verdicts)
        print_table(("item", "the paper's finding", "here", "numbers"), rows)
        out.print(f"Figures, numbers and pages: {folder}/README.md")
    for name, reason in found.refused.items():
        fail(f"{name} could not be made: {reason}")
    for run in found.failed:
        fail(run.sentence())
    if found.failed or found.refused:
        raise typer.Exit(1)


def _print_items() -> None:
    from trainer.experiments.catalogue import ITEMS

    listed = sorted(ITEMS.values(), key=lambda item: (item.name.strip("0123456789"), len(item.name), item.name))
    print_table(("item", "what it shows"), ((item.name, item.title) for item in listed))


def _print_cost(work: Reproduction, cost: ReproductionCost, as_json: bool) -> None:
    if as_json:
        print_json(asdict(cost))
        return
    networks = counted(cost.attacked, "network")
    rows = [
        ("items", ", ".join(one.item.name for one in work.wanted)),
        ("settings", "; ".join(dict.fromkeys(one.described for wanted in work.wanted for one in wanted.settings))),
        ("studies", f"{counted(cost.trials, 'trial')} to train, about {readable(cost.seconds_of_studies)}"),
        ("runs", f"{cost.left} of {cost.runs} to train, about {readable(cost.seconds_of_runs)}"),
        ("attacks", f"by CW, APGD and AutoAttack on {networks}, about {readable(cost.seconds_of_attacks)}"),
        ("together", f"about {readable(cost.seconds)} on this machine"),
    ]
    print_table(("what", "how much"), rows)
