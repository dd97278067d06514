"""The command that shows everything once: demo."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from memscore import settings as settings_module
from memscore import strict_json
from memscore.cli.written import print_added
from memscore.client import Client
from memscore.console import note, percent
from memscore.counted import counted
from memscore.messages.jobs import JobMessage
from memscore.messages.scores import Score
from memscore.progress import Show, progress_bar
from memscore.report import MethodComparison
from memscore.scores.selection import Order
from memscore.scores.tables import ScoreTable
from memscore.settings import Settings
from memscore.store.datasets import DatasetRecord
from memscore.workflows.watching import DemoWatch

MOST_MEMORIZED = 10  # samples to show

console = Console(highlight=False, markup=False, soft_wrap=True)


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the report.")] = Path("demo"),
    trials: Annotated[int, typer.Option(min=10)] = 200,
) -> None:
    """Show everything once on scikit-learn's digits: scores, look-ups, adversarial training, a report."""
    from memscore.workflows.demo import run

    settings, started = settings_module.load(), time.monotonic()
    try:
        report = run(settings, output, trials, _OnConsole())
    except KeyboardInterrupt:
        note("finished work is stored; run the same command again to resume.")
        raise
    _print_end(settings, report, time.monotonic() - started)


class _OnConsole(DemoWatch):
    """Shows each part of the demo with the command or request that does the same."""

    def chapter(self, title: str) -> None:
        console.rule(title)

    def dataset(self, record: DatasetRecord) -> None:
        console.print("$ memscore datasets add digits", style="dim")
        print_added(record)

    def service_starts(self) -> None:
        console.print("$ memscore serve --port 0", style="dim")

    def service(self, announcement: str) -> None:
        console.print(announcement)

    def submitted(self, job: JobMessage) -> None:
        console.print(f"POST /v1/jobs -> job {job.id}: study {job.study_name} to {counted(job.target_trials, 'trial')}")

    def follow(self, client: Client, job: JobMessage) -> JobMessage:
        before, started = job.progress.done, time.monotonic()
        with progress_bar("trials", console) as progress:
            task = progress.add_task("starting", total=job.progress.total, completed=before)

            def show(message: JobMessage) -> None:
                progress.update(task, description=message.progress.phase, completed=message.progress.done)

            job = client.wait(job.id, show)
        trained, seconds = job.progress.done - before, time.monotonic() - started
        console.print(
            f"{counted(trained, 'trial')} in {seconds:.0f} s ({60 * trained / seconds:.0f} a minute, with the start of "
            "the farm)"
            if trained
            else f"nothing to train: {counted(job.progress.done, 'trial')} already stored"
        )
        return job

    def look_up(self, url: str, score: Score, table: ScoreTable) -> None:
        console.print(f"\n$ curl {url}", style="dim")
        console.print_json(strict_json.dumps(score.model_dump(mode="json")), indent=None)
        console.print(_most_memorized(table))
        for warning in table.warnings:
            console.print(f"warning: {warning}", style="yellow")

    @contextmanager
    def training(self, method: str) -> Generator[Show]:
        with progress_bar("steps", console) as progress:
            task = progress.add_task(method, total=None)

            def show(done: int, total: int, text: str) -> None:
                progress.update(task, completed=done, total=total, description=text)

            yield show

    def compared(self, comparison: MethodComparison) -> None:
        kinds = (f"{name} {kind}" for name in comparison.methods for kind in ("clean", "PGD-20"))
        shown = Table("samples", "count", *kinds)
        for number, group in enumerate(comparison.groups):
            shares = [share for every in comparison.methods.values() for share in every[number]]
            shown.add_row(group, str(comparison.counts[number]), *map(percent, shares))
        console.print(shown)
        console.print(comparison.note, style="dim")


def _most_memorized(table: ScoreTable) -> Table:
    shown = Table("index", "label", "mem", "95 % interval", "p_in", "p_out", title="\nThe ten most memorized digits")
    for index in Order("mem", descending=True).of(table)[:MOST_MEMORIZED]:
        value = {name: float(table[name][index]) for name in ("mem", "mem_low", "mem_high", "p_in", "p_out")}
        shown.add_row(
            str(index),
            str(table["label"][index]),
            f"{value['mem']:.3f}",
            f"[{value['mem_low']:.2f}, {value['mem_high']:.2f}]",
            f"{value['p_in']:.3f}",
            f"{value['p_out']:.3f}",
        )
    return shown


def _print_end(settings: Settings, report: Path, seconds: float) -> None:
    console.rule("Done")
    console.print(f"{seconds:.0f} s in all; the service has stopped, and the scores are in {settings.home}")
    console.print(f"Look at {report}, then try:")
    console.print("  .venv/bin/memscore scores top digits -n 20           the list, without a service")
    console.print("  .venv/bin/memscore estimate --dataset digits --trials 400      standard errors 1.4 times smaller")
    console.print("  .venv/bin/memscore datasets add digits --flip-labels 0.1 --name digits-noisy")
    console.print("  .venv/bin/memscore estimate --dataset digits-noisy && .venv/bin/memscore report digits-noisy")
    console.print("  .venv/bin/memscore serve                             the service, on port 8000 (/docs)")
