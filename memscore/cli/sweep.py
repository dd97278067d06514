"""The command that trains many runs and compares them: sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memscore import settings as settings_module
from memscore.cli.options import GpusPerRun, Json, Scores, Slots
from memscore.cli.runs_progress import runs_watch
from memscore.console import err, fail, note, out, print_json, print_table, warn

if TYPE_CHECKING:
    from memscore.workflows.sweep import SweepPlan
    from trainer.run_comparison import RunComparison


def sweep(
    methods: Annotated[
        str, typer.Option(help="Methods with commas between: erm, pgd, trades, mart, gairat, bat, dpls.")
    ],
    dataset: Annotated[str, typer.Option(help="A registered dataset; digits is added automatically.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the runs and their comparison.")],
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each method at each point, with seeds 0, 1, ...")] = 3,
    grid: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE,VALUE: an option to vary; METHOD.NAME for one method only. Repeatable."),
    ] = None,
    settings_given: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE: a field of the configuration, or an option of methods, for all runs."),
    ] = None,
    scores: Scores = None,
    preset: Annotated[str, typer.Option(help="small, paper, unified, original or fast.")] = "small",
    attacks: Annotated[
        str | None,
        typer.Option(help="Also evaluate every run with these, such as cw,autoattack.", show_default="fgsm,pgd"),
    ] = None,
    gpus_per_run: GpusPerRun = 1.0,
    slots: Slots = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Train methods x seeds x grid side by side, and compare them by mean and standard deviation over seeds.

    The same command resumes an interrupted sweep: it trains the missing runs and compares all runs again.
    """
    from memscore.workflows import sweep as workflow
    from memscore.workflows.side_by_side import Room
    from trainer.sweep import SweepRequest, assignments
    from trainer.sweep import grid as grid_of

    request = SweepRequest(
        methods=settings_module.listed(methods),
        seeds=seeds,
        dataset=dataset,
        scores=scores,
        preset=preset,
        settings=assignments(settings_given or [], "--set"),
        grid=grid_of(grid or []),
        attacks=settings_module.listed(attacks or ""),
    )
    if dry_run:
        _print_plan(workflow.plan_sweep(request, output), as_json)
        return
    watch = runs_watch(err.print, lines=not as_json)
    found = workflow.sweep(request, output, settings_module.load(), room=Room(gpus_per_run, slots), watch=watch)
    _print(found.comparison, output, as_json)
    for run in found.failed:
        fail(run.sentence())
    if found.failed:
        raise typer.Exit(1)


def _print_plan(plan: SweepPlan, as_json: bool) -> None:
    rows = [
        {
            "run": run.name,
            "method": run.method,
            "point": run.label,
            "seed": run.seed,
            "state": "to do" if run in plan.left else "finished",
        }
        for run in plan.configurations
    ]
    if as_json:
        print_json(rows)
        return
    print_table(tuple(rows[0]), (row.values() for row in rows))
    out.print(plan.sentence())


def _print(comparison: RunComparison, output: Path, as_json: bool) -> None:
    if as_json:
        print_json(comparison.as_json())
    else:
        for title, columns, lines in comparison.tables(("test",)):
            print_table(columns, lines, title=title)
        out.print("Per cent: mean ± standard deviation over seeds.")
        columns, lines = comparison.table_of_differences()
        if lines:
            print_table(columns, lines, title="differences on test samples, last networks")
            out.print("Points, with 95 % intervals over seeds and samples; methods differ where these exclude 0.")
        out.print(f"With training samples too, as CSV, JSON and Markdown: {', '.join(comparison.files())} in {output}")
    warn(*comparison.warnings)
    if comparison.unfinished:
        note(f"not finished: {', '.join(comparison.unfinished)}.")
