"""`memscore demo`: everything once, on scikit-learn's digits.

A service with SQLite and local Ray is started on a free port, brings the study "digits" to its trials and
answers look-ups; PGD and BAT are then trained with the scores it serves, and a report is written. Run again,
it goes on from what is stored.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from memscore import strict_json
from memscore.client import Client
from memscore.console import percent
from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import open_dataset
from memscore.errors import Conflict, Damaged, InvalidInput, StoreError
from memscore.files import atomic_write, reason
from memscore.messages.jobs import JobMessage
from memscore.progress import progress_bar
from memscore.report import Making, MethodComparison, Report
from memscore.scores.tables import ScoreTable
from memscore.settings import Settings
from trainer.config import TrainConfig
from trainer.run import Run, Watch, train
from trainer.scores import TrainingScores, pull

STUDY = "digits"
EPOCHS = 10
EPSILON = 0.15
SHOWN_SAMPLE = 17

console = Console(highlight=False, markup=False, soft_wrap=True)


def run(settings: Settings, output: Path, trials: int) -> None:
    """Run the demo; the report and the two networks go to the folder `output`."""
    torch.set_num_threads(1)
    started = time.monotonic()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"The folder {output} cannot be written ({reason(error)}); see --output.") from error
    settings.prepare_home()
    console.rule("1. A dataset and a service")
    _memscore(settings, "datasets", "add", "digits")
    with _service(settings) as address, Client(address, cache=settings.home / "cache") as client:
        console.rule("2. Memorization scores from subset models")
        job = _estimate(client, trials)
        scores = pull(client, job.study)
        _look_up(client, address, scores.table)
        dataset = open_dataset(settings.home, str(scores.table.meta["fingerprint"]))
        console.rule("3. Adversarial training with these scores")
        runs = {method.upper(): _train(dataset, scores, method, output / method) for method in ("pgd", "bat")}
        comparison = _compare(runs)
        study, pairs = client.study(job.study), client.pairs_table(job.study)
        making = Making.of(client.evidence(job.study))
        page = Report(study, scores.table, pairs, dataset, comparison, making)
    with atomic_write(output / "report.html") as scratch:
        scratch.write_text(page.html())
    console.rule("Done")
    console.print(
        f"{time.monotonic() - started:.0f} s in all; the service is stopped, the scores stay in {settings.home}"
    )
    console.print(f"Look at {output / 'report.html'}, then try:")
    console.print("  .venv/bin/memscore scores top digits -n 20           the list, without a service")
    console.print("  .venv/bin/memscore estimate --dataset digits --trials 400      standard errors smaller by 1.4")
    console.print("  .venv/bin/memscore datasets add digits --flip-labels 0.1 --name digits-noisy")
    console.print("  .venv/bin/memscore estimate --dataset digits-noisy && .venv/bin/memscore report digits-noisy")
    console.print("  .venv/bin/memscore serve                             the service, on port 8000 (/docs)")


def _memscore(settings: Settings, *arguments: str) -> None:
    """Run one command as a user would."""
    console.print(f"$ memscore {' '.join(arguments)}", style="dim")
    finished = subprocess.run(
        [sys.executable, "-m", "memscore.cli", *arguments], check=False, env=settings.environment()
    )
    if finished.returncode:
        raise StoreError(f"'memscore {' '.join(arguments)}' ended with status {finished.returncode}.")


@contextmanager
def _service(settings: Settings) -> Generator[str]:
    """`memscore serve` on a free port, as a process that ends with this one; its address."""
    console.print("$ memscore serve --port 0", style="dim")
    log_path = settings.home / "logs" / "demo-service.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "memscore.cli", "serve", "--port", "0", "--follow-stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=settings.environment(),
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline().decode()
        if "http://" not in line:
            raise StoreError(f"The service did not start: {log_path.read_text().strip()[-500:]}")
        console.print(line.strip())
        yield line.split()[2]
    finally:
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _estimate(client: Client, trials: int) -> JobMessage:
    job = client.submit("digits", "digits", trials=trials, study_name=STUDY)
    console.print(f"POST /v1/jobs -> job {job.id}: study {job.study_name} to {job.target_trials} trials")
    before, started = job.progress.done, time.monotonic()
    with progress_bar("trials", console) as progress:
        task = progress.add_task("starting", total=job.progress.total, completed=before)

        def show(message: JobMessage) -> None:
            progress.update(task, description=message.progress.phase, completed=message.progress.done)

        job = client.wait(job.id, show)
    trained, seconds = job.progress.done - before, time.monotonic() - started
    console.print(
        f"{trained} trials in {seconds:.0f} s ({60 * trained / seconds:.0f} a minute, start of the farm included)"
        if trained
        else f"all {job.progress.done} trials were stored before; nothing to train"
    )
    return job


def _look_up(client: Client, address: str, table: ScoreTable) -> None:
    path = f"/v1/studies/{STUDY}/scores/{SHOWN_SAMPLE}"
    console.print(f"\n$ curl {address}{path}", style="dim")
    console.print_json(strict_json.dumps(client.score(STUDY, SHOWN_SAMPLE).model_dump(mode="json")), indent=None)
    shown = Table("index", "label", "mem", "95 % interval", "p_in", "p_out", title="\nThe ten most memorized digits")
    for index in np.argsort(-np.nan_to_num(table["mem"], nan=-1), kind="stable")[:10]:
        value = {name: float(table[name][index]) for name in ("mem", "mem_low", "mem_high", "p_in", "p_out")}
        shown.add_row(
            str(index),
            str(table["label"][index]),
            f"{value['mem']:.3f}",
            f"[{value['mem_low']:.2f}, {value['mem_high']:.2f}]",
            f"{value['p_in']:.3f}",
            f"{value['p_out']:.3f}",
        )
    console.print(shown)
    for warning in table.warnings:
        console.print(f"warning: {warning}", style="yellow")


def _train(dataset: Dataset, scores: TrainingScores, method: str, folder: Path) -> Run:
    """Train, or go on, or take what an earlier demo finished with the same configuration and scores."""
    config = TrainConfig(method=method, epochs=EPOCHS, epsilon=EPSILON)
    with progress_bar("steps", console) as progress:
        task = progress.add_task(method.upper(), total=None)

        def show(done: int, total: int, text: str) -> None:
            progress.update(task, completed=done, total=total, description=text)

        try:
            return train(dataset, STUDY, config, scores, folder, Watch(on_step=show))
        except (Conflict, Damaged):  # of other scores, or of another version
            shutil.rmtree(folder)
            return train(dataset, STUDY, config, scores, folder, Watch(on_step=show))


def _compare(runs: dict[str, Run]) -> MethodComparison:
    rows = {name: one.last.rows for name, one in runs.items()}
    first = next(iter(rows.values()))
    note = (
        f"{EPOCHS} epochs on digits, l_inf epsilon {EPSILON:g}, one seed: a demonstration of the pipeline, not of a "
        "method. Differences of a few points between methods are within the spread over seeds."
    )
    comparison = MethodComparison(
        groups=[f"{row.split} {row.group}" for row in first],
        counts=[row.count for row in first],
        methods={
            name: [(row.accuracy["clean"].share, row.accuracy["pgd"].share) for row in every]
            for name, every in rows.items()
        },
        note=note,
    )
    shown = Table("samples", "count", *(f"{name} {kind}" for name in runs for kind in ("clean", "PGD-20")))
    for number, group in enumerate(comparison.groups):
        shares = [share for every in comparison.methods.values() for share in every[number]]
        shown.add_row(group, str(comparison.counts[number]), *map(percent, shares))
    console.print(shown)
    console.print(note, style="dim")
    return comparison
