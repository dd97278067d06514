"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeVar, Unpack

import httpx
import numpy as np
import numpy.typing as npt

from memscore.arguments import typed
from memscore.client import dataset_calls, following, job_calls, run_calls, service_calls, study_calls, table_calls
from memscore.client.cache import MAX_BYTES
from memscore.client.connecting import connected
from memscore.client.following import POLL_SECONDS, Happening
from memscore.client.job_calls import Extras
from memscore.client.retries import Retries
from memscore.client.service_access import DEFAULT_URL, TIMEOUT_SECONDS, OnDownload, ServiceAccess
from memscore.client.steps import Emit, Flow, Items, Open, Pause, Read, Reply, Work, emitted
from memscore.client.study_calls import PairFilters, ScoreFilters
from memscore.client.table_calls import Fingerprinted
from memscore.exchange.evidence_file import StudyEvidence
from memscore.keys import Scope
from memscore.messages.comparisons import ComparisonMessage
from memscore.messages.datasets import DatasetDetail, DatasetMessage, Datasets, Neighbour, Sample, UploadFormat
from memscore.messages.jobs import JobEvents, JobMessage, Jobs, LogMessage, Plan, State
from memscore.messages.keys import KeyCreated, KeyMessage, Keys
from memscore.messages.message import MOST_A_PAGE
from memscore.messages.pairs import Duplicates, Explanation, Pair, Pairs
from memscore.messages.removal import DatasetRemoved, JobsPruned, SamplesForgotten, StudyRemoved
from memscore.messages.reviews import Review, Reviews, Verdict
from memscore.messages.runs import ReproductionDetail, RunDetail, RunDifferences, Runs, SweepDetail
from memscore.messages.scores import (
    ColumnDensity,
    CountedColumn,
    Histogram,
    Risks,
    SampleScore,
    Score,
    Scores,
    SetsMessage,
    Suspects,
    TestScore,
)
from memscore.messages.service import Health, Readiness
from memscore.messages.studies import EvidenceMerged, Studies, StudyMessage
from memscore.messages.summaries import PrecisionCourse
from memscore.messages.usage import Usage
from memscore.scores.sets import Sets, Thresholds
from memscore.scores.tables import ATYPICAL, Columns, PairsTable, ScoreTable
from memscore.study.spec import Design, Recipe, Target

P = ParamSpec("P")
Item = TypeVar("Item")
Result = TypeVar("Result")


class Client:
    """A client of one service. The service's errors are raised as ServiceError with its message.

    `key`: a key of the service, if it needs one. `cache`: a folder for pulled tables by digest, up to `cache_bytes`;
    without it they are kept in memory only. `retries`: when a request is sent again. `on_download` is called as a table
    or evidence arrives. `http` replaces the connection, for an application in this process.
    """

    @typed
    def __init__(
        self,
        url: str = DEFAULT_URL,
        key: str | None = None,
        *,
        cache: Path | str | None = None,
        cache_bytes: int = MAX_BYTES,
        retries: Retries | None = None,
        timeout: float = TIMEOUT_SECONDS,
        on_download: OnDownload | None = None,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._service = ServiceAccess.to(url, key, cache, cache_bytes, retries, on_download, remote=http is None)
        self._http = http or connected(httpx.Client, self.url, timeout)
        self._sleep = sleep

    @property
    def url(self) -> str:
        """The service's address."""
        return self._service.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _run(
        self, call: Callable[Concatenate[ServiceAccess, P], Flow[Result]], *args: P.args, **kwargs: P.kwargs
    ) -> Result:
        """The result of a call."""
        with closing(self._take_steps(emitted(typed(call)(self._service, *args, **kwargs)))) as results:
            return next(results)

    def _iterate(
        self, call: Callable[Concatenate[ServiceAccess, P], Items[Item]], *args: P.args, **kwargs: P.kwargs
    ) -> Iterator[Item]:
        """The results of a call, one by one."""
        return self._take_steps(typed(call)(self._service, *args, **kwargs))

    def _take_steps(self, items: Items[Item]) -> Generator[Item]:
        """Take the steps of a call one by one, and yield the items that it emits."""
        with closing(items), ExitStack() as answer:
            chunks: Iterator[bytes] = iter(())
            try:
                step = next(items)
                while True:
                    outcome: Any = None
                    try:
                        match step:
                            case Emit(item):
                                yield item
                            case Open(request):
                                answer.close()
                                response = answer.enter_context(self._http.stream(**self._service.options(request)))
                                chunks = response.iter_bytes()
                                outcome = Reply(response.status_code, response.reason_phrase, response.headers)
                            case Read():
                                outcome = next(chunks, b"")
                            case Pause(seconds):
                                answer.close()
                                self._sleep(seconds)
                            case Work(function):
                                outcome = function()
                    except Exception as error:
                        step = items.throw(self._service.put(error, httpx.HTTPError, httpx.InvalidURL))
                    else:
                        step = items.send(outcome)
            except StopIteration:
                return

    # The calls, generated by scripts/client_calls.py: change them in *_calls.py and following.py.

    def datasets(self) -> Datasets:
        """All registered datasets, by name."""
        return self._run(dataset_calls.datasets)

    def dataset(self, name: str) -> DatasetDetail:
        """One dataset, with the indices of the training labels that were flipped on purpose.

        Raises NotFound.
        """
        return self._run(dataset_calls.dataset, name)

    def sources(self) -> list[str]:
        """The names of the published datasets that `add_dataset` takes."""
        return self._run(dataset_calls.sources)

    def add_dataset(self, source: str) -> DatasetMessage:
        """Register a published dataset by its name, such as `digits`; the service takes its files, or downloads them.

        What is registered already stays as it is. Needs the scope write. Raises NotFound for an unknown name,
        InvalidDataset if the files are neither there nor can be downloaded.
        """
        return self._run(dataset_calls.add_dataset, source)

    def import_dataset(
        self,
        payload: bytes,
        name: str,
        format: UploadFormat = "npz",
        *,
        label: str | None = None,
        resize: int | None = None,
        test_share: float | None = None,
    ) -> DatasetMessage:
        """Send a dataset as a file, passed as bytes, and register it.

        format: `npz`, `csv`, `parquet`, or `zip`, an archive with a folder of images for each class. label: the column
        of the classes, in a table. resize: the side of the images in pixels, if these differ in size. test_share: the
        share of each class for the test part, if the file has none. Needs the scope write. Raises InvalidDataset for an
        unusable file, Conflict if the name is taken.
        """
        return self._run(
            dataset_calls.import_dataset, payload, name, format, label=label, resize=resize, test_share=test_share
        )

    def samples(self, dataset: str, indices: Sequence[int], split: Literal["train", "test"] = "train") -> list[Sample]:
        """Samples with label, name, text and other columns, in the order of the indices.

        Raises NotFound.
        """
        return self._run(dataset_calls.samples, dataset, indices, split)

    def sample_names(self, dataset: str, split: Literal["train", "test"] = "train") -> list[str] | None:
        """The ids or file names of all samples of a part, empty where removed; None if the dataset was added without.

        Raises NotFound.
        """
        return self._run(dataset_calls.sample_names, dataset, split)

    def neighbours(
        self, dataset: str, index: int, split: Literal["train", "test"] = "train", count: int = 10
    ) -> list[Neighbour]:
        """The training samples that are nearest to a sample, by pixels or features, nearest first.

        Raises NotFound, or Gone if the sample was removed on request.
        """
        return self._run(dataset_calls.neighbours, dataset, index, split, count)

    def image(self, dataset: str, split: Literal["train", "test"], index: int, scale: int = 1) -> bytes:
        """The image of one sample as a PNG file.

        Each pixel is drawn `scale` times as wide and as high, from 1 to 16. Raises NotFound, or Gone if it was removed
        on request.
        """
        return self._run(dataset_calls.image, dataset, split, index, scale)

    def forget_samples(
        self,
        name: str,
        train: Sequence[int] = (),
        test: Sequence[int] = (),
        *,
        confirm: str | None = None,
        dry_run: bool = False,
    ) -> SamplesForgotten:
        """Overwrite samples of a dataset, such as images of people who ask for it; their labels and all scores stay.

        `confirm` repeats the dataset's name; with `dry_run`, only what would go is returned. At most 500 samples of
        each part. Needs the scope admin. Raises NotFound, Conflict while a job of the dataset waits or works, or
        InvalidInput unless it is confirmed.
        """
        return self._run(dataset_calls.forget_samples, name, train, test, confirm=confirm, dry_run=dry_run)

    def rename_dataset(self, name: str, new: str) -> DatasetMessage:
        """Give a dataset another name; its studies stay.

        Needs the scope admin. Raises NotFound, InvalidInput for an impossible name, or Conflict if it is taken.
        """
        return self._run(dataset_calls.rename_dataset, name, new)

    def remove_dataset(self, name: str, *, confirm: str | None = None, dry_run: bool = False) -> DatasetRemoved:
        """Remove a dataset and its files; `confirm` repeats its name. With `dry_run`, only what would go is returned.

        Needs the scope admin. Raises NotFound, Conflict while a study uses it, or InvalidInput unless it is confirmed.
        """
        return self._run(dataset_calls.remove_dataset, name, confirm=confirm, dry_run=dry_run)

    def studies(self, dataset: str | None = None) -> Studies:
        """All studies, or those of one dataset, oldest first."""
        return self._run(study_calls.studies, dataset)

    def study(self, study: str) -> StudyMessage:
        """One study by id or name, with a summary of its scores.

        Raises NotFound.
        """
        return self._run(study_calls.study, study)

    def score(self, study: str, index: int) -> Score:
        """The scores of one training sample, by its index in the dataset.

        A value is None if it is undefined because the sample was in every subset or in none. Raises NotFound, or
        NoScoresYet before the study's first block has finished.
        """
        return self._run(study_calls.score, study, index)

    def scores(self, study: str, indices: Iterable[int] | npt.NDArray[np.integer[Any]]) -> Columns:
        """The scores of any number of training samples as columns, in the order of `indices`.

        `index`, `label`, `n_in` and `n_out` are int32 [k]; `mem`, `se`, `mem_low`, `mem_high`, `p_in` and `p_out` are
        float32 [k], NaN where undefined; so are `mem_margin`, `se_margin`, `mem_margin_low`, `mem_margin_high`, `risk`
        and `se_risk`, which are missing if no trial recorded margins. All come from one version of the scores. Raises
        InvalidInput for indices that are not integers, NotFound for one outside the dataset, NoScoresYet, or Conflict
        if each attempt met a rebuild.
        """
        return self._run(study_calls.scores, study, indices)

    def scores_page(
        self, study: str, *, limit: int = 100, cursor: str | None = None, **wanted: Unpack[ScoreFilters]
    ) -> Scores:
        """A page of at most 1000 training samples; `cursor` is the `next` of the previous page.

        Raises InvalidInput for a filter, column or cursor that the service does not know, NotFound, or NoScoresYet.
        """
        return self._run(study_calls.scores_page, study, limit=limit, cursor=cursor, **wanted)

    def iter_scores(
        self, study: str, *, page: int = MOST_A_PAGE, **wanted: Unpack[ScoreFilters]
    ) -> Iterator[SampleScore]:
        """All training samples that match the filters, in the order of `sort`.

        Pages of `page` samples, at most 1000, are requested as needed.
        """
        return self._iterate(study_calls.iter_scores, study, page=page, **wanted)

    def test_score(self, study: str, index: int) -> TestScore:
        """The scores of one test sample: how often models classify it correctly, and which samples influence it most.

        Raises NotFound, or NoScoresYet.
        """
        return self._run(study_calls.test_score, study, index)

    def histogram(self, study: str, *, bins: int = 20, column: str = "mem", label: int | None = None) -> Histogram:
        """The distribution of a column over all training samples or those of one class.

        `column` is mem, se, p_in or p_out. The `bins`, 1 to 1000, have equal width and cover [-1, 1] for mem and [0, 1]
        otherwise.
        """
        return self._run(study_calls.histogram, study, bins=bins, column=column, label=label)

    def precision(self, study: str, *, until: int | None = None, threshold: float = ATYPICAL) -> PrecisionCourse:
        """The precision to expect after how many trials, up to `until`, by default three times as many as there are.

        Each point has the standard error of mem (95 % of the samples have a smaller one), the share of samples whose 95
        % interval lies wholly above or below `threshold` (from the present number of trials on; None before), and the
        share of pairs of influence 0.2 that would be told from chance. Raises Conflict for imported scores with unknown
        trials.
        """
        return self._run(study_calls.precision, study, until=until, threshold=threshold)

    def density(
        self,
        study: str,
        *,
        x: CountedColumn = "p_out",
        y: CountedColumn = "p_in",
        bins: int = 40,
        label: int | None = None,
    ) -> ColumnDensity:
        """How many training samples, or those of one class, have which values of two columns."""
        return self._run(study_calls.density, study, x=x, y=y, bins=bins, label=label)

    def risk(self, study: str, *, label: int | None = None, limit: int = 100, offset: int = 0) -> Risks:
        """Training samples by privacy risk, the highest first, and what a membership-inference attack achieves.

        At most 1000 samples, of one class if `label` is given; `offset` of them are skipped. Raises NotFound, or
        NoScoresYet.
        """
        return self._run(study_calls.risk, study, label=label, limit=limit, offset=offset)

    def suspects(self, study: str, *, label: int | None = None, limit: int = 100, offset: int = 0) -> Suspects:
        """Training samples whose labels may be wrong, the likeliest first, how many look so, and the labels suggested.

        At most 1000 samples, of one class if `label` is given; `offset` of them are skipped. Raises NotFound, or
        NoScoresYet.
        """
        return self._run(study_calls.suspects, study, label=label, limit=limit, offset=offset)

    def duplicates(self, study: str, *, alike: float | None = None, limit: int = 100, offset: int = 0) -> Duplicates:
        """Copies of training samples by pixels or features, those in the test part first.

        `alike`, from 0.98 to 1, is the least correlation, by default 0.995. At most 1000 copies; `offset` of them are
        skipped. The service looks for them at the first request, which takes minutes for a large dataset. Raises
        NotFound if it does not have the dataset's files, or NoScoresYet.
        """
        return self._run(study_calls.duplicates, study, alike=alike, limit=limit, offset=offset)

    def explain(self, study: str, index: int, *, limit: int = 10, holding: bool | None = None) -> Explanation:
        """Why a training sample has its score: ranks, influences and rivals, at most `limit` (1 to 100) of each.

        holding: rivals by pairs that hold alone, since most others are chance.

        Raises NotFound, or NoScoresYet.
        """
        return self._run(study_calls.explain, study, index, limit=limit, holding=holding)

    def pairs(self, study: str, *, limit: int = 100, cursor: str | None = None, **wanted: Unpack[PairFilters]) -> Pairs:
        """A page of at most 1000 pairs, strongest first unless `order` asks for those that hold.

        `cursor` is the `next` of the previous page. Raises NotFound, or NoScoresYet; Conflict for harmful pairs without
        evidence or of too many samples.
        """
        return self._run(study_calls.pairs, study, limit=limit, cursor=cursor, **wanted)

    def iter_pairs(self, study: str, *, page: int = MOST_A_PAGE, **wanted: Unpack[PairFilters]) -> Iterator[Pair]:
        """All pairs that match the filters, strongest first unless `order` asks for those that hold.

        Pages of `page` pairs, at most 1000, are requested as needed.
        """
        return self._iterate(study_calls.iter_pairs, study, page=page, **wanted)

    def sets(self, study: str, thresholds: Thresholds = Thresholds()) -> Sets:
        """The typical and atypical sets as boolean masks in dataset order.

        Training masks are bool [n], test masks bool [q]. Raises InvalidInput for thresholds that contradict each other
        or lie below the smallest infl that the study keeps.
        """
        return self._run(study_calls.sets, study, thresholds)

    def set_indices(self, study: str, thresholds: Thresholds = Thresholds()) -> SetsMessage:
        """The typical and atypical sets as sizes and ascending indices.

        Raises InvalidInput as `sets` does.
        """
        return self._run(study_calls.set_indices, study, thresholds)

    def import_scores(self, payload: bytes, dataset: str, name: str | None = None) -> StudyMessage:
        """Import a score file, passed as bytes, as a read-only study of `dataset`.

        In Feldman and Zhang's layout, or a score table of memscore's own, which its pairs table can follow.

        Needs the scope write. Raises InvalidInput for an unusable file, Conflict if the name is taken.
        """
        return self._run(study_calls.import_scores, payload, dataset, name)

    def compare(self, study: str, other: str, *, threshold: float | None = None, limit: int = 24) -> ComparisonMessage:
        """How well the scores of two studies agree, and the `limit` samples on which they disagree most.

        Studies of different datasets are compared on the training samples that both have, such as those of a dataset
        and of its corrected version. threshold: samples with mem above it are atypical, by default 0.15. Raises
        FingerprintMismatch if the datasets share too few samples, NotFound, or NoScoresYet.
        """
        return self._run(study_calls.compare, study, other, threshold=threshold, limit=limit)

    def rename_study(self, study: str, new: str) -> StudyMessage:
        """Give a study another name; its id stays.

        Needs the scope admin. Raises NotFound, InvalidInput for an impossible name, or Conflict if it is taken.
        """
        return self._run(study_calls.rename_study, study, new)

    def remove_study(
        self, study: str, *, confirm: str | None = None, evidence: bool = False, dry_run: bool = False
    ) -> StudyRemoved:
        """Remove a study with its tables and jobs; `confirm` repeats its name, and `evidence` lets its trials go too.

        With `dry_run`, only what would go is returned. Needs the scope admin. Raises NotFound; Conflict while a job
        waits or works on it, or if it has trials and `evidence` is False; InvalidInput unless it is confirmed.
        """
        return self._run(study_calls.remove_study, study, confirm=confirm, evidence=evidence, dry_run=dry_run)

    def reviews(self, study: str, *, verdict: Verdict | None = None, reviewer: str | None = None) -> Reviews:
        """What people say of a study's training samples and their labels: all verdicts, or those that match.

        By sample and reviewer. The counts are of all verdicts, whatever is asked for.
        """
        return self._run(study_calls.reviews, study, verdict=verdict, reviewer=reviewer)

    def review(
        self,
        study: str,
        index: int,
        verdict: Verdict | None,
        *,
        label: int | None = None,
        reviewer: str | None = None,
        digest: str | None = None,
    ) -> Review:
        """Say of a training sample that its label is wrong (error), right (fine) or unclear (unsure).

        None takes the verdict back. label: with error, the right class; None if no class is right. reviewer: who says
        so; with an API key its name. digest: of the score table that was looked at. Needs the scope write. Raises
        NotFound, or InvalidInput for a label that is no class or the one that the sample has.
        """
        return self._run(study_calls.review, study, index, verdict, label=label, reviewer=reviewer, digest=digest)

    def table(self, study: str, *, dataset: str | Fingerprinted | None = None, digest: str | None = None) -> ScoreTable:
        """The whole score table, transferred only if it has changed since the last call.

        `dataset` is the dataset that the scores are meant for, or its fingerprint. `digest` selects a stored version
        instead of the current one. Raises FingerprintMismatch if the scores belong to another dataset, NotFound,
        NoScoresYet, or Damaged if the download fails its digest twice.
        """
        return self._run(table_calls.table, study, dataset=dataset, digest=digest)

    def pairs_table(
        self, study: str, *, dataset: str | Fingerprinted | None = None, digest: str | None = None
    ) -> PairsTable:
        """The whole pairs table, with `dataset`, `digest` and errors as for the score table."""
        return self._run(table_calls.pairs_table, study, dataset=dataset, digest=digest)

    def evidence(self, study: str) -> StudyEvidence:
        """The verified evidence of all trials, from which every score can be computed.

        Raises NotFound, or Damaged if the download fails its digest twice.
        """
        return self._run(table_calls.evidence, study)

    def merge_evidence(
        self,
        study: str,
        payload: bytes,
        dataset: str | None = None,
        name: str | None = None,
        *,
        allow_changed_network: bool = False,
    ) -> EvidenceMerged:
        """Add the trials of an evidence file, passed as bytes, to its study.

        `dataset` and `name` are needed only if the service does not have the study yet. Needs the scope write. Raises
        Conflict while a job works on the study, or, unless `allow_changed_network`, if the trials were trained with a
        different network from those stored.
        """
        return self._run(
            table_calls.merge_evidence, study, payload, dataset, name, allow_changed_network=allow_changed_network
        )

    def submit(
        self,
        dataset: str,
        recipe: str | Recipe,
        *,
        trials: int | None = None,
        target: Target | None = None,
        design: Design | None = None,
        study_name: str | None = None,
        idempotency_key: str | None = None,
        **wanted: Unpack[Extras],
    ) -> JobMessage:
        """Post a job that brings a study to `trials` trials, or to another `target`.

        Dataset, recipe and design identify the study. One call posts one job, even if the request is retried; an
        `idempotency_key` of 1 to 255 printable characters extends this to other calls with the same key, for a day.
        Needs the scope write. Raises InvalidInput for a request that cannot be met, NotFound for an unknown dataset or
        recipe.
        """
        return self._run(
            job_calls.submit,
            dataset,
            recipe,
            trials=trials,
            target=target,
            design=design,
            study_name=study_name,
            idempotency_key=idempotency_key,
            **wanted,
        )

    def plan(
        self,
        dataset: str,
        recipe: str | Recipe,
        *,
        trials: int | None = None,
        target: Target | None = None,
        design: Design | None = None,
        **wanted: Unpack[Extras],
    ) -> Plan:
        """The cost of such a job in seconds and bytes, and the precision of its scores. Posts nothing."""
        return self._run(job_calls.plan, dataset, recipe, trials=trials, target=target, design=design, **wanted)

    def jobs(
        self, state: State | None = None, study: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Jobs:
        """A page of at most 1000 jobs, newest first; `cursor` is the `next` of the previous page."""
        return self._run(job_calls.jobs, state, study, limit=limit, cursor=cursor)

    def iter_jobs(
        self, state: State | None = None, study: str | None = None, *, page: int = 100
    ) -> Iterator[JobMessage]:
        """All jobs, newest first.

        Pages of `page` jobs, at most 1000, are requested as needed.
        """
        return self._iterate(job_calls.iter_jobs, state, study, page=page)

    def job(self, job: str) -> JobMessage:
        """One job with its state and progress.

        Raises NotFound.
        """
        return self._run(job_calls.job, job)

    def cancel(self, job: str) -> JobMessage:
        """Cancel a job. The evidence it has stored is kept.

        Needs the scope write. Raises NotFound.
        """
        return self._run(job_calls.cancel, job)

    def resume(self, job: str) -> JobMessage:
        """Queue a cancelled or failed job again.

        Needs the scope write. Raises NotFound, or Conflict if the job succeeded.
        """
        return self._run(job_calls.resume, job)

    def prune_jobs(self, older: float, *, dry_run: bool = False) -> JobsPruned:
        """Remove the jobs that finished more than `older` seconds ago, with their events and logs; studies stay.

        With `dry_run`, only what would go is returned. Needs the scope admin.
        """
        return self._run(job_calls.prune_jobs, older, dry_run=dry_run)

    def log(self, job: str, after: int = 0) -> LogMessage:
        """The output of a job's driver and workers; `after` is the `next` of the previous part."""
        return self._run(job_calls.log, job, after)

    def history(self, job: str, after: int = 0) -> JobEvents:
        """Changes of a job's state so far, oldest first; `after` skips the changes up to the one with this id."""
        return self._run(job_calls.history, job, after)

    def events(self, job: str, after: int = 0) -> Iterator[Happening]:
        """All changes of a job's state, and its progress between them, until it ends.

        `after` skips the changes up to the one with this id. Waits up to a minute for a service that restarts. Raises
        NotFound.
        """
        return self._iterate(following.events, job, after)

    def watch(self, job: str, poll_seconds: float = POLL_SECONDS) -> Iterator[JobMessage]:
        """A job now and after each change, until it ends.

        A service that does not stream events is polled every `poll_seconds`. Raises NotFound.
        """
        return self._iterate(following.watch, job, poll_seconds)

    def wait(
        self, job: str, on_progress: Callable[[JobMessage], None] | None = None, poll_seconds: float = POLL_SECONDS
    ) -> JobMessage:
        """Wait until a job succeeds; `on_progress` is called now and after each change.

        Raises JobFailed if it failed or was cancelled.
        """
        return self._run(following.wait, job, on_progress, poll_seconds)

    def runs(self, *, limit: int = 100, offset: int = 0) -> Runs:
        """Training runs in the service's folder, those that changed last first; with its sweeps and reproductions."""
        return self._run(run_calls.runs, limit=limit, offset=offset)

    def run(self, path: str) -> RunDetail:
        """A training run with its course by epoch and its evaluations. Raises NotFound."""
        return self._run(run_calls.run, path)

    def run_differences(self, reference: str, run: str) -> RunDifferences:
        """The last network of a run minus that of a reference on the same samples, by split, group and attack.

        Intervals and p-values are of two networks on other samples of the kind, not of two methods over seeds. Raises
        NotFound; InvalidInput if they were not evaluated sample by sample in the same way.
        """
        return self._run(run_calls.run_differences, reference, run)

    def sweep(self, path: str) -> SweepDetail:
        """A sweep with its runs, and its methods compared over seeds. Raises NotFound."""
        return self._run(run_calls.sweep, path)

    def reproduction(self, path: str) -> ReproductionDetail:
        """Reproduced figures and tables of the paper with their verdicts. Raises NotFound."""
        return self._run(run_calls.reproduction, path)

    def health(self) -> Health:
        """The version of the service. Any response means that its process runs."""
        return self._run(service_calls.health)

    def ready(self, require: Literal["dispatcher"] | None = None) -> Readiness:
        """Whether the service can work, checked without retries.

        Its database must be reachable and up to date; with `require` a dispatcher must lead too. Otherwise raises
        Unavailable with the reason.
        """
        return self._run(service_calls.ready, require)

    def metrics(self) -> str:
        """The service's metrics in Prometheus's text format."""
        return self._run(service_calls.metrics)

    def usage(self) -> Usage:
        """What takes the disk: trials, tables and logs of each study, files of each dataset. Needs the scope admin."""
        return self._run(service_calls.usage)

    def create_key(self, name: str, scope: Scope, expires_in: int | None = None) -> KeyCreated:
        """Create a key. Only this response shows its secret.

        It expires in `expires_in` seconds, or never. Needs the scope admin. The request is never retried, so a lost
        response may leave a key behind, which `keys` lists.
        """
        return self._run(service_calls.create_key, name, scope, expires_in)

    def keys(self) -> Keys:
        """All keys, including revoked and expired ones, without their secrets. Needs the scope admin."""
        return self._run(service_calls.keys)

    def revoke_key(self, identifier: str) -> KeyMessage:
        """Revoke a key, which the service then refuses.

        Needs the scope admin. Raises NotFound.
        """
        return self._run(service_calls.revoke_key, identifier)
