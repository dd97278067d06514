"""The demo: everything once, on scikit-learn's digits.

It starts a service with SQLite and local Ray on a free port, which trains the study "digits" and answers look-ups.
It then trains PGD and BAT with the served scores, and writes a report. Run again, it resumes from its stored results.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from memscore.client import Client
from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import open_dataset
from memscore.errors import Conflict, Damaged, InvalidInput, StoreError
from memscore.files import atomic_write, make_folder, reason
from memscore.launch import python
from memscore.report import Making, MethodComparison, Report
from memscore.settings import Settings
from memscore.workflows.datasets import add_dataset
from memscore.workflows.training import one_thread
from memscore.workflows.watching import DemoWatch
from trainer.config import TrainConfig
from trainer.run import Run, Watch, train
from trainer.scores import TrainingScores, pull

STUDY = "digits"
EPOCHS = 10
EPSILON = 0.15
SHOWN_SAMPLE = 17
NOTE = (
    f"{EPOCHS} epochs on digits, l_inf epsilon {EPSILON:g}, one seed: a demonstration of the pipeline, not of a "
    "method. Differences of a few points between methods are within the spread over seeds."
)


def run(settings: Settings, output: Path, trials: int, watch: DemoWatch = DemoWatch()) -> Path:
    """Run the demo and return the path of its report. The report and the two networks go to the folder `output`.

    Raises InvalidInput if the folder cannot be written, StoreError if the service does not start, JobFailed.
    """
    try:
        make_folder(output)
    except OSError as error:
        raise InvalidInput(f"The folder {output} cannot be written ({reason(error)}); see --output.") from error
    settings.prepare_home()
    with one_thread():
        watch.chapter("1. A dataset and a service")
        watch.dataset(add_dataset(settings, "digits"))
        with _service(settings, watch) as address, Client(address, cache=settings.home / "cache") as client:
            page = _pages(settings, client, address, output, trials, watch)
    report = output / "report.html"
    with atomic_write(report) as scratch:
        scratch.write_text(page.html())
    return report


def _pages(settings: Settings, client: Client, address: str, output: Path, trials: int, watch: DemoWatch) -> Report:
    """Estimate, look up, train and compare; returns the report."""
    watch.chapter("2. Memorization scores from subset models")
    job = client.submit("digits", "digits", trials=trials, study_name=STUDY)
    watch.submitted(job)
    job = watch.follow(client, job)
    scores = pull(client, job.study)
    url = f"{address}/v1/studies/{STUDY}/scores/{SHOWN_SAMPLE}"
    watch.look_up(url, client.score(STUDY, SHOWN_SAMPLE), scores.table)
    dataset = open_dataset(settings.home, str(scores.table.meta["fingerprint"]))
    watch.chapter("3. Adversarial training with these scores")
    runs = {method.upper(): _train(dataset, scores, method, output / method, watch) for method in ("pgd", "bat")}
    comparison = _compare(runs)
    watch.compared(comparison)
    study, pairs = client.study(job.study), client.pairs_table(job.study)
    return Report(study, scores.table, pairs, dataset, comparison, Making.of(client.evidence(job.study)))


@contextmanager
def _service(settings: Settings, watch: DemoWatch) -> Generator[str]:
    """`memscore serve` on a free port, as a process that ends with this one; its address."""
    watch.service_starts()
    log_path = settings.home / "logs" / "demo-service.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            python("memscore.cli", "serve", "--port", "0", "--follow-stdin"),
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
        watch.service(line.strip())
        yield line.split()[2]
    finally:
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _train(dataset: Dataset, scores: TrainingScores, method: str, folder: Path, watch: DemoWatch) -> Run:
    """Train, resume, or reuse an earlier demo's run with the same configuration and scores."""
    config = TrainConfig(method=method, epochs=EPOCHS, epsilon=EPSILON)
    with watch.training(method.upper()) as on_step:
        try:
            return train(dataset, STUDY, config, scores, folder, Watch(on_step=on_step))
        except (Conflict, Damaged):  # trained with other scores, or by another version
            shutil.rmtree(folder)
            return train(dataset, STUDY, config, scores, folder, Watch(on_step=on_step))


def _compare(runs: dict[str, Run]) -> MethodComparison:
    rows = {name: one.last.rows for name, one in runs.items()}
    first = next(iter(rows.values()))
    return MethodComparison(
        groups=[f"{row.split} {row.group}" for row in first],
        counts=[row.count for row in first],
        methods={
            name: [(row.accuracy["clean"].share, row.accuracy["pgd"].share) for row in every]
            for name, every in rows.items()
        },
        note=NOTE,
    )
