"""The command that makes the paper's figures and tables: reproduce."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memscore import settings as settings_module
from memscore.cli.apps import GpusPerRun, Json, Slots, app
from memscore.cli.context import opened_database
from memscore.cli.files import alone
from memscore.client import Client
from memscore.console import complain, err, out, print_json, print_table
from memscore.errors import InvalidDataset, InvalidInput
from memscore.farm.commands import CommandPlan
from memscore.logs import end_of
from memscore.progress import duration, told
from trainer.assignments import pairs, value

if TYPE_CHECKING:
    from memscore.cli.reproduction import Reproduction, Wanted
    from memscore.cli.reproduction_studies import Studies
    from trainer.experiments.item import Item
    from trainer.experiments.scales import Scale

TAIL = 1_500  # bytes of a failed run's log that are shown
DAY = 86_400.0


@app.command()
def reproduce(
    what: Annotated[list[str], typer.Argument(help="Items, such as fig1 fig2 table2; all; or list, to see them.")],
    scale: Annotated[
        str, typer.Option(help="mini: up to an hour each on 2 cores. paper: the paper's, on GPUs.")
    ] = "mini",
    dataset: Annotated[str | None, typer.Option(help="A registered dataset, in the place of the scale's.")] = None,
    model: Annotated[
        str | None, typer.Option(help="A network's name, or package.module:function, in the place of the scale's.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="A study of that dataset, instead of a new one.")] = None,
    trials: Annotated[int | None, typer.Option(min=10, help="Of new studies.  [default: 1000; paper: 2000]")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Runs of each kind.  [default: 3, or 1; paper: 1]")] = None,
    settings_given: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE: a field of every run's configuration, such as epochs=5."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for runs and items.")] = Path("reproduction"),
    gpus_per_run: GpusPerRun = 1.0,
    slots: Slots = None,
    yes: Annotated[bool, typer.Option("--yes", help="Start even what takes more than a day here.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what is to be run, and how long it takes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the paper's figures and tables: studies and runs, then figures, numbers and a verdict on each finding.

    Studies and runs are shared by all items and used again; the same command goes on where it was interrupted.
    """
    import torch

    from api.serving.in_process import in_process
    from memscore.cli.reproduction import LOCK, LOGS, Reproduction
    from memscore.cli.reproduction_studies import Studies
    from trainer.experiments.catalogue import ITEMS, chosen
    from trainer.experiments.run import check_fields

    if what == ["list"]:
        listed = sorted(ITEMS.values(), key=lambda item: (item.name.strip("0123456789"), len(item.name), item.name))
        print_table(("item", "what it shows"), ((item.name, item.title) for item in listed))
        return
    torch.set_num_threads(1)
    items, known = chosen(what), _scale(scale)
    settings = settings_module.load()
    fields = {name: value(text) for name, text in pairs(settings_given or []).items()}
    check_fields(fields)
    if slots is not None:
        settings = settings.model_copy(update={"slots": slots})
    with ExitStack() as stack:
        database = stack.enter_context(opened_database(settings))
        client = stack.enter_context(Client(http=in_process(database)))
        studies = Studies(settings, database, client)
        own = {"own_dataset": dataset, "own_model": model, "study": study, "trials": trials, "extra": fields}
        work = Reproduction(output / known, studies, _wanted(items, known, seeds, own, studies))
        for run in work.runs():
            run.config()  # which says what cannot be
        work.require_trials()
        with told("measuring", lines=not as_json):
            estimates = _estimates(work, settings.slots)
        if dry_run or not as_json:
            _print_plan(work, estimates, as_json)
        if dry_run:
            return
        if estimates["seconds"] > DAY and not yes:
            raise InvalidInput(
                "This takes more than a day on this machine; start it with --yes, or where there are GPUs."
            )
        lock = stack.enter_context(alone(work.folder, LOCK, LOGS, "reproduction"))
        for one in work.settings_of_studies():
            studies.make(one, lines=not as_json)
        plan = CommandPlan(
            commands=(),
            folder=Path.cwd(),
            slots=settings.slots,
            per_gpu=floor(1 / gpus_per_run + 1e-9),
            at_most=slots,
        )
        refused: dict[str, str] = {}
        given: list[tuple[str, Any]] = [("--scale", scale if scale != "mini" else None), ("--dataset", dataset)]
        given += [("--model", model), ("--study", study), ("--trials", trials), ("--seeds", seeds)]
        options = _spelled([*given, *(("--set", one) for one in settings_given or [])])
        try:
            troubled = work.run(plan, lock, options, refused, lines=not as_json)
        except KeyboardInterrupt:
            complain("note", "what was finished is kept; the same command goes on from there.", "bold")
            raise
        verdicts = [(name, one) for name, one in work.summarize() if name not in refused]
    if as_json:
        print_json([{"item": name, **one.as_json()} for name, one in verdicts])
    else:
        rows = ((name, one.finding, one.verdict, one.numbers) for name, one in verdicts)
        print_table(("item", "the paper's finding", "here", "numbers"), rows)
        out.print(f"Figures, numbers and pages: {output / known}/README.md")
    for name, reason in refused.items():
        complain("error", f"{name} could not be made: {reason}", "bold red")
    for one in troubled:
        log = work.log_of(one.ended)
        complain("error", f"{one.ended} {one.trouble}; the end of {log}:\n{end_of(log, TAIL)}", "bold red")
    if troubled or refused:
        raise typer.Exit(1)


def _spelled(options: list[tuple[str, Any]]) -> str:
    """The options that are given, as they are typed."""
    return " ".join(f"{name} {shlex.quote(str(given))}" for name, given in options if given is not None)


def _scale(name: str) -> Scale:
    from trainer.experiments.scales import SCALES

    for scale in SCALES:
        if name == scale:
            return scale
    raise InvalidInput(f"There is no scale {name!r}; the scales are: {', '.join(SCALES)}.")


def _wanted(items: list[Item], scale: Scale, seeds: int | None, own: dict[str, Any], studies: Studies) -> list[Wanted]:
    """The items with their settings. Where Fashion-MNIST cannot be had, digits stand for it, which is said."""
    from memscore.cli.reproduction import Wanted
    from trainer.experiments.scales import STAND_INS, settings_of

    fashion = True
    if scale == "mini" and own["own_dataset"] is None:
        try:
            studies.dataset(next(iter(STAND_INS.values())))
        except InvalidDataset as error:
            fashion = False
            complain("note", f"digits stand for Fashion-MNIST and show less: {error}", "bold")
    return [
        Wanted(
            item,
            settings_of(item.subjects, item.mini, scale, fashion=fashion, **own),
            range(seeds or (item.seeds if scale == "mini" else 1)),
        )
        for item in items
    ]


def _estimates(work: Reproduction, slots: int) -> dict[str, Any]:
    """What is left to be done, and the seconds that it takes on this machine, `slots` at a time on CPUs."""
    import torch

    from trainer.experiments.cost import Stopwatch

    err.print("Measuring what that takes on this machine ...", highlight=False)
    at_once = torch.cuda.device_count() or slots
    studies, runs, trials = 0.0, 0.0, 0
    watches = {one.dataset: Stopwatch(work.studies.dataset(one.dataset)) for one in work.settings_of_studies()}
    for one in work.settings_of_studies():
        missing = work.studies.missing(one)
        trials += missing
        studies += watches[one.dataset].of_trials(one.study.recipe, missing) if missing else 0.0
    left = [run for run in work.runs() if not work.is_finished(run)]
    runs = sum(watches[run.setting.dataset].of_run(run) for run in left)
    return {
        "items": len(work.wanted),
        "trials": trials,
        "runs": len(work.runs()),
        "left": len(left),
        "seconds_of_studies": studies / at_once,
        "seconds_of_runs": runs / at_once,
        "seconds": (studies + runs) / at_once,
    }


def _print_plan(work: Reproduction, found: dict[str, Any], as_json: bool) -> None:

    if as_json:
        print_json(found)
        return
    rows = [
        ("items", ", ".join(one.item.name for one in work.wanted)),
        ("settings", "; ".join(dict.fromkeys(one.described for wanted in work.wanted for one in wanted.settings))),
        ("studies", f"{found['trials']} trials to train, about {duration(found['seconds_of_studies'])}"),
        ("runs", f"{found['left']} of {found['runs']} to train, about {duration(found['seconds_of_runs'])}"),
        ("together", f"about {duration(found['seconds'])} on this machine, besides attacks by CW and AutoAttack"),
    ]
    print_table(("what", "how much"), rows)
