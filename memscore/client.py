"""The Python client of the service, and the one way the trainer reads scores.

client = memscore.Client("http://127.0.0.1:8000")
client.score("digits", 17).mem
table = client.table("digits")          # ScoreTable with NumPy columns
sets = client.sets("digits")            # boolean masks
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack

from pydantic import ValidationError

from memscore.errors import Damaged, InvalidInput, JobFailed, MemscoreError, ServiceError
from memscore.evidence_file import StudyEvidence, read_evidence
from memscore.files import atomic_write
from memscore.keys import Scope
from memscore.messages import (
    DatasetDetail,
    Datasets,
    EvidenceMerged,
    JobMessage,
    Jobs,
    KeyCreated,
    KeyMessage,
    Keys,
    LogMessage,
    Pairs,
    Plan,
    Problem,
    Score,
    SetsMessage,
    Studies,
    StudyMessage,
)
from memscore.sets import Sets, Thresholds
from memscore.spec import Design, JobRequest, PairScope, Recipe, Target
from memscore.tables import PairsTable, ScoreTable, Table

if TYPE_CHECKING:
    import httpx

AnyTable = TypeVar("AnyTable", bound=Table)

CONNECT_RETRIES = 3
OUTAGE_SECONDS = 60.0
TRANSFER_SECONDS = 600.0  # for whole evidence, and for what a service does with a file before it answers


class Extras(TypedDict, total=False):
    """What a job may ask for besides its target; see `memscore.spec.Wanted`."""

    full_trials: int
    probabilities: bool
    pairs: PairScope
    time_limit_seconds: float | None


class Client:
    """Talks to one service. Errors of the service are raised as ServiceError with its sentence.

    `cache` is a folder in which pulled tables are kept by digest; without it they are kept in memory.
    `http` replaces the connection, for a service in this process.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        key: str | None = None,
        *,
        cache: Path | None = None,
        http: httpx.Client | None = None,
        timeout: float = 30.0,
    ) -> None:
        import httpx

        self.url = url.rstrip("/")
        self.cache = cache
        self._errors = httpx.HTTPError
        self._pulled: dict[tuple[str, str], Table] = {}
        if http is None and not url.startswith(("http://", "https://")):
            raise InvalidInput(f"The service URL must begin with http:// or https://, not {url!r}.")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = http or httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=timeout,
            transport=httpx.HTTPTransport(retries=CONNECT_RETRIES),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def datasets(self) -> Datasets:
        """All registered datasets."""
        return Datasets.model_validate_json(self._get("/v1/datasets").content)

    def dataset(self, name: str) -> DatasetDetail:
        """One dataset."""
        return DatasetDetail.model_validate_json(self._get(f"/v1/datasets/{_part(name)}").content)

    def studies(self) -> Studies:
        """All studies."""
        return Studies.model_validate_json(self._get("/v1/studies").content)

    def study(self, study: str) -> StudyMessage:
        """One study by id or name."""
        return StudyMessage.model_validate_json(self._get(f"/v1/studies/{_part(study)}").content)

    def score(self, study: str, index: int) -> Score:
        """One training sample."""
        return Score.model_validate_json(self._get(f"/v1/studies/{_part(study)}/scores/{index}").content)

    def table(self, study: str) -> ScoreTable:
        """The whole score table; only transferred if it changed since the last pull."""
        return self._table(ScoreTable, study, f"/v1/studies/{_part(study)}/table")

    def pairs_table(self, study: str) -> PairsTable:
        """The whole pairs table; only transferred if it changed since the last pull."""
        return self._table(PairsTable, study, f"/v1/studies/{_part(study)}/pairs/table")

    def pairs(self, study: str, **filters: Any) -> Pairs:
        """A page of pairs, strongest first; filters as in the REST call."""
        return Pairs.model_validate_json(self._get(f"/v1/studies/{_part(study)}/pairs", params=filters).content)

    def sets(self, study: str, thresholds: Thresholds = Thresholds()) -> Sets:
        """Masks of the typical and atypical samples."""
        return Sets.decode(self._get_sets(study, thresholds, "npz").content)

    def set_indices(self, study: str, thresholds: Thresholds = Thresholds()) -> SetsMessage:
        """Sizes and indices of the typical and atypical sets."""
        return SetsMessage.model_validate_json(self._get_sets(study, thresholds, "json").content)

    def evidence(self, study: str) -> StudyEvidence:
        """The evidence of all trials, verified; enough to compute every score."""
        return read_evidence(self._get(f"/v1/studies/{_part(study)}/evidence", timeout=TRANSFER_SECONDS).content)

    def merge_evidence(
        self, study: str, payload: bytes, dataset: str | None = None, name: str | None = None
    ) -> EvidenceMerged:
        """Add the trials of an evidence file to its study; `dataset` and `name` are for one that is new there."""
        given = {"dataset": dataset, "name": name}
        response = self._send(f"/v1/studies/{_part(study)}/evidence", payload, given)
        return EvidenceMerged.model_validate_json(response.content)

    def import_scores(self, payload: bytes, dataset: str, name: str | None = None) -> StudyMessage:
        """Import a score file in Feldman and Zhang's layout as a study."""
        response = self._send("/v1/studies/import", payload, {"dataset": dataset, "name": name})
        return StudyMessage.model_validate_json(response.content)

    def submit(
        self,
        dataset: str,
        recipe: str | Recipe,
        *,
        trials: int | None = None,
        target: Target | None = None,
        design: Design | None = None,
        study_name: str | None = None,
        **wanted: Unpack[Extras],
    ) -> JobMessage:
        """Post a job that brings the study of these parts to `trials` trials, or to another target."""
        request = self._job_request(dataset, recipe, trials, target, design, study_name, wanted)
        return JobMessage.model_validate_json(self._request("POST", "/v1/jobs", json=request).content)

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
        """What such a job would cost and give; nothing is posted."""
        request = self._job_request(dataset, recipe, trials, target, design, None, wanted)
        params = {"dry_run": True}
        return Plan.model_validate_json(self._request("POST", "/v1/jobs", json=request, params=params).content)

    def jobs(self, state: str | None = None) -> Jobs:
        """Jobs, newest first."""
        params = {} if state is None else {"state": state}
        return Jobs.model_validate_json(self._get("/v1/jobs", params=params).content)

    def job(self, job: str) -> JobMessage:
        """One job."""
        return JobMessage.model_validate_json(self._get(f"/v1/jobs/{_part(job)}").content)

    def cancel(self, job: str) -> JobMessage:
        """Cancel a job; its evidence stays."""
        return JobMessage.model_validate_json(self._request("POST", f"/v1/jobs/{_part(job)}/cancel").content)

    def resume(self, job: str) -> JobMessage:
        """Queue a cancelled or failed job again."""
        return JobMessage.model_validate_json(self._request("POST", f"/v1/jobs/{_part(job)}/resume").content)

    def log(self, job: str, after: int = 0) -> LogMessage:
        """What driver and workers of a job wrote; `after` is the `next` of the part before."""
        params = {"format": "json", "after": after}
        return LogMessage.model_validate_json(self._get(f"/v1/jobs/{_part(job)}/log", params=params).content)

    def create_key(self, name: str, scope: Scope, expires_in: int | None = None) -> KeyCreated:
        """A new key, shown this once; `expires_in` are seconds. Needs the scope admin."""
        request = {"name": name, "scope": scope, "expires_in": expires_in}
        return KeyCreated.model_validate_json(self._request("POST", "/v1/keys", json=request).content)

    def keys(self) -> Keys:
        """All keys, without what they are."""
        return Keys.model_validate_json(self._get("/v1/keys").content)

    def revoke_key(self, identifier: str) -> KeyMessage:
        """Refuse a key from now on."""
        return KeyMessage.model_validate_json(self._request("DELETE", f"/v1/keys/{_part(identifier)}").content)

    def watch(self, job: str, poll_seconds: float = 0.5) -> Iterator[JobMessage]:
        """The job's state again and again until it is terminal; rides out a restart of the service."""
        outage: float | None = None
        while True:
            try:
                message = self.job(job)
            except ServiceError as error:
                if error.problem:
                    raise
                outage = outage or time.monotonic()
                if time.monotonic() - outage > OUTAGE_SECONDS:
                    raise
            else:
                outage = None
                yield message
                if message.finished:
                    return
            time.sleep(poll_seconds)

    def wait(self, job: str, on_progress: Callable[[JobMessage], None] | None = None) -> JobMessage:
        """Wait until the job has succeeded. Raises JobFailed if it failed or was cancelled."""
        for message in self.watch(job):
            if on_progress is not None:
                on_progress(message)
            if message.state in ("failed", "cancelled"):
                raise JobFailed(f"Job {job} {message.state}" + (f": {message.error}" if message.error else "."))
            if message.finished:
                return message
        raise AssertionError("watch ends with a finished job")

    def _job_request(
        self,
        dataset: str,
        recipe: str | Recipe,
        trials: int | None,
        target: Target | None,
        design: Design | None,
        study_name: str | None,
        wanted: Extras,
    ) -> dict[str, Any]:
        request = JobRequest(
            dataset=dataset,
            recipe=recipe,
            design=design or Design(),
            study_name=study_name,
            target=target or Target(trials=trials),
            **wanted,
        )
        return request.model_dump(mode="json", exclude_unset=True)

    def _send(self, path: str, payload: bytes, given: dict[str, str | None]) -> httpx.Response:
        """Post a file, with those of the parameters that are given."""
        params = {name: value for name, value in given.items() if value is not None}
        headers = {"Content-Type": "application/x-npz"}
        return self._request("POST", path, content=payload, params=params, headers=headers, timeout=TRANSFER_SECONDS)

    def _get_sets(self, study: str, thresholds: Thresholds, form: str) -> httpx.Response:
        params = {
            "atypical": thresholds.atypical,
            "typical": thresholds.typical,
            "test_accuracy": thresholds.test_accuracy,
            "format": form,
        }
        return self._get(f"/v1/studies/{_part(study)}/sets", params=params)

    def _table(self, kind: type[AnyTable], study: str, path: str) -> AnyTable:
        known = self._pulled.get((kind.kind, study)) or self._cached(kind, study)
        headers = {} if known is None else {"If-None-Match": f'"{known.digest}"'}
        response = self._get(path, headers=headers)
        if response.status_code == 304 and isinstance(known, kind):
            table = known
        else:
            table = kind.decode(response.content)
            self._keep(study, table, response.content)
        self._pulled[kind.kind, study] = table
        return table

    def _cached(self, kind: type[AnyTable], study: str) -> AnyTable | None:
        """The table of the last pull from the cache folder, if it is there and whole."""
        if self.cache is None:
            return None
        try:
            return kind.load(self._cache_path(kind, study))
        except (OSError, Damaged):
            return None

    def _keep(self, study: str, table: Table, payload: bytes) -> None:
        if self.cache is None:
            return
        with atomic_write(self._cache_path(type(table), study)) as scratch:
            scratch.write_bytes(payload)

    def _cache_path(self, kind: type[Table], study: str) -> Path:
        assert self.cache is not None
        where = "".join(letter if letter.isalnum() else "_" for letter in f"{self.url}-{study}")
        return self.cache / f"{where}.{kind.kind.split()[0]}.npz"

    def _get(self, path: str, **options: Any) -> httpx.Response:
        return self._request("GET", path, **options)

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **options)
        except self._errors as error:
            raise ServiceError(
                f"The service at {self.url} does not answer ({error}); start it with: memscore serve"
            ) from error
        if response.status_code >= 400:
            raise _service_error(response)
        return response


def load_table(source: str, *, cache: Path | None = None) -> ScoreTable:
    """A score table from a file, or from `URL#STUDY`, such as http://127.0.0.1:8000#digits.

    Raises InvalidInput if the source is neither, ServiceError or Damaged if it cannot be read.
    """
    if is_url(source):
        url, study = parse_source(source)
        with Client(url, cache=cache) as client:
            return client.table(study)
    path = Path(source).expanduser()
    if not path.is_file():
        raise InvalidInput(f"There is no table file {source}; give a file, or a service and study as URL#STUDY.")
    return ScoreTable.load(path)


def is_url(source: str) -> bool:
    """Whether a source of scores is a service rather than a file."""
    return source.startswith(("http://", "https://"))


def parse_source(source: str) -> tuple[str, str]:
    """URL and study of `URL#STUDY`. Raises InvalidInput if the study is missing."""
    url, _, study = source.partition("#")
    if not study:
        raise InvalidInput(f"Name the study behind the service's URL: {url}#STUDY.")
    return url, study


def _service_error(response: httpx.Response) -> MemscoreError:
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        sentence = f"The service answered {response.status_code} {response.reason_phrase}."
        return ServiceError(sentence, {"status": response.status_code})
    return ServiceError(problem.detail, problem.model_dump())


def _part(name: str) -> str:
    """A path segment that cannot leave its place. Raises InvalidInput for a name that is not one."""
    if not name or not all(letter.isalnum() or letter in "._-" for letter in name) or name.strip(".") == "":
        raise InvalidInput(f"{name!r} is not a name or an id.")
    return name
