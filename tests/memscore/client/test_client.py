"""The client: every call, the cache, and errors that carry the service's sentence."""

import os
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import pytest

from api.serving.in_process import in_process
from memscore.client import Client, load_table
from memscore.client.cache import DownloadCache
from memscore.client.service_access import MOST_PULLED, ServiceAccess
from memscore.datasets.dataset import Dataset
from memscore.datasets.label_noise import flip_labels
from memscore.errors import (
    Damaged,
    FingerprintMismatch,
    InvalidInput,
    JobFailed,
    NotFound,
    ServiceError,
    Unavailable,
)
from memscore.files import atomic_write
from memscore.messages.jobs import JobEvent
from memscore.scores.duplicates import near_duplicates
from memscore.scores.label_errors import label_errors
from memscore.scores.risk import riskiest
from memscore.scores.sets import Thresholds, split
from memscore.scores.suspects import note_on
from memscore.scores.tables import ScoreTable
from memscore.store import Database, jobs
from memscore.study.spec import Design
from tests.clients import Caller, Connect
from tests.conftest import QUICK, StoredStudy, build, make_trials
from tests.served import served


@pytest.fixture(params=["blocking", "asynchronous"])
def connect(request: pytest.FixtureRequest) -> Generator[Connect]:
    with ExitStack() as stack:
        yield Connect(request.param, stack)


@pytest.fixture
def client(connect: Connect, database: Database) -> Caller:
    return connect(database=database)


def test_everything_that_is_served_can_be_had(client: Caller, stored_study: StoredStudy):
    scores, pairs = stored_study.scores, stored_study.pairs
    assert client.study("made-up").table is not None
    assert client.studies().studies == client.studies("made-up").studies == [client.study("made-up")]
    assert client.datasets().datasets[0].name == client.dataset("made-up").name == "made-up"
    assert client.image("made-up", "train", 3, scale=2).startswith(b"\x89PNG")
    assert client.score("made-up", 3).mem == pytest.approx(float(scores["mem"][3]))
    assert client.test_score("made-up", 3).p == pytest.approx(float(scores["test_p"][3]))
    assert sum(client.histogram("made-up", bins=10, label=1).counts) == 20
    course = client.precision("made-up", until=100, threshold=0.3)
    assert (course.threshold, course.points[-1].trials) == (0.3, 100)
    assert {one.trials for one in course.points} >= {course.trials, 100}
    assert client.explain("made-up", 3, limit=2).score.index == 3
    assert client.duplicates("made-up", alike=0.99).digest == scores.digest
    assert client.table("made-up").digest == scores.digest
    assert client.pairs_table("made-up").digest == pairs.digest
    assert client.table("made-up", digest=scores.digest).digest == scores.digest
    assert len(client.pairs("made-up", limit=3).pairs) == 3
    assert len(client.iter_pairs("made-up", infl_min=0.05, page=50)) == np.sum(pairs["infl"] >= np.float32(0.05))
    assert all(pair.infl < 0 for pair in client.iter_pairs("made-up", harmful=True))
    assert client.sets("made-up").counts() == split(scores, pairs).counts()
    thresholds = Thresholds(atypical=0.3)
    assert client.set_indices("made-up", thresholds).thresholds["atypical"] == 0.3
    assert [trial.digest for trial in client.evidence("made-up").trials] == [one.digest for one in stored_study.trials]
    assert client.health().status == "ok"
    assert client.ready().dispatcher == "missing"
    with pytest.raises(Unavailable, match="memscore dispatch"):
        client.ready("dispatcher")
    assert "memscore_" in client.metrics()


def test_scores_are_listed_and_looked_up_as_they_are_in_the_table(client: Caller, stored_study: StoredStudy):
    scores = stored_study.scores
    listed = client.iter_scores("made-up", label=1, mem_min=0.1, sort="mem", page=7)
    wanted = np.flatnonzero((scores["label"] == 1) & (scores["mem"] >= np.float32(0.1)))
    assert [one.index for one in listed] == sorted(wanted, key=lambda index: (scores["mem"][index], index))
    page = client.scores_page("made-up", set="atypical", limit=2)
    assert (len(page.scores), page.matching) == (2, np.sum(scores["mem"] > np.float32(0.15)))
    columns = client.scores("made-up", [4, 0, 17])
    assert columns["index"].tolist() == [4, 0, 17]
    for name in ("label", "mem", "se", "mem_low", "mem_high", "p_in", "p_out", "n_in", "n_out"):
        assert columns[name].dtype == scores[name].dtype
        np.testing.assert_array_equal(columns[name], scores[name][[4, 0, 17]])
    assert len(client.scores("made-up", [])["mem"]) == 0
    with pytest.raises(NotFound, match="no training sample 60"):
        client.scores("made-up", [60])


def test_jobs_are_submitted_followed_and_cancelled(client: Caller, stored_study: StoredStudy, database: Database):
    job = client.submit("made-up", QUICK, trials=45)
    assert job.target_trials == 50
    assert client.plan("made-up", QUICK, trials=50).new_trials == 15
    assert (
        client.job(job.id).id == client.jobs("queued").jobs[0].id == client.iter_jobs(study="made-up")[0].id == job.id
    )
    assert client.cancel(job.id).state == "cancelled"
    with pytest.raises(JobFailed, match="cancelled"):
        client.wait(job.id)
    assert [one.state for one in client.events(job.id)] == ["queued", "cancelled", "cancelled"]
    assert client.log(job.id).lines == []
    assert client.resume(job.id).state == "queued"
    with database.writing() as connection:
        jobs.claim(connection, "host/1/0", 60)
        jobs.finish(connection, job.id, 1, "failed", "Block 3 failed: too hot")
    with pytest.raises(JobFailed, match="Block 3 failed: too hot"):
        client.wait(job.id)


def test_a_job_is_followed_through_a_real_stream(connect: Connect, stored_study: StoredStudy, database: Database):
    with served(database) as url:
        client = connect(url)
        job = client.submit("made-up", QUICK, trials=50)
        with database.writing() as connection:
            jobs.claim(connection, "host/1/0", 60)
        threading.Timer(0.3, cancel, (database, job.id)).start()
        assert [one.state for one in client.watch(job.id)][-1] == "cancelled"
        states = [one.state for one in client.events(job.id) if isinstance(one, JobEvent)]
        assert (states[0], states[-1]) == ("queued", "cancelled")
        assert client.events(job.id, after=10**6) == []


def cancel(database: Database, job: str) -> None:
    with database.writing() as connection:
        jobs.cancel(connection, job)
        jobs.finish(connection, job, 1, "cancelled", "as asked")


def test_the_same_idempotency_key_posts_one_job(client: Caller, stored_study: StoredStudy):
    first = client.submit("made-up", QUICK, trials=50, idempotency_key="mine")
    client.cancel(first.id)
    assert client.submit("made-up", QUICK, trials=50, idempotency_key="mine").id == first.id
    assert client.submit("made-up", QUICK, trials=50).id != first.id
    with pytest.raises(InvalidInput):
        client.submit("made-up", QUICK, trials=60, idempotency_key="mine")


def test_scores_of_another_dataset_are_refused(client: Caller, stored_study: StoredStudy):
    dataset = stored_study.dataset
    for given in (dataset, dataset.fingerprint, client.dataset("made-up")):
        assert client.table("made-up", dataset=given).digest == stored_study.scores.digest
        assert client.pairs_table("made-up", dataset=given).digest == stored_study.pairs.digest
    for given in (flip_labels(dataset, 0.1, 0), "f" * 64):
        with pytest.raises(FingerprintMismatch, match="belong to a different dataset"):
            client.table("made-up", dataset=given)
    with pytest.raises(InvalidInput, match="'made-up' is not a fingerprint"):
        client.table("made-up", dataset="made-up")


def test_errors_carry_the_problem(client: Caller, stored_study: StoredStudy):
    with pytest.raises(NotFound, match="There is no study 'nothing'") as error:
        client.table("nothing")
    assert isinstance(error.value, ServiceError)
    assert (error.value.problem["status"], error.value.status) == (404, 404)
    assert error.value.request_id
    with pytest.raises(InvalidInput, match="not a name or an id"):
        client.study("../jobs")


def test_a_service_that_does_not_answer_is_named(connect: Connect):
    with pytest.raises(Unavailable, match="memscore serve"):
        connect("http://127.0.0.1:1").studies()
    for url in ("127.0.0.1:8000", "http://"):
        with pytest.raises(InvalidInput, match="must begin with http"):
            connect(url)


def counting(database: Database) -> tuple[httpx.Client, list[int]]:
    http, statuses = in_process(database), []
    http.event_hooks = {"response": [lambda response: statuses.append(response.status_code)]}
    return http, statuses


def test_an_unchanged_table_is_not_sent_again(stored_study: StoredStudy, database: Database, tmp_path: Path):
    http, statuses = counting(database)
    with Client(http=http, cache=tmp_path / "cache") as client:
        first = client.table("made-up")
        assert client.table("made-up") is first
    assert statuses == [200, 304]
    http, statuses = counting(database)
    with Client(http=http, cache=tmp_path / "cache") as another:
        np.testing.assert_array_equal(another.table("made-up")["mem"], first["mem"])
        assert another.table("made-up", digest=first.digest) is another.table("made-up", digest=first.digest)
    assert statuses == [304]


def test_a_table_that_is_at_hand_under_another_name_is_not_read_again(
    stored_study: StoredStudy, database: Database, tmp_path: Path
):
    sizes: list[int] = []
    noted = Client(http=in_process(database), cache=tmp_path, on_download=lambda _, done, __: sizes.append(done))
    with noted as client:
        assert client.table("made-up").digest == client.table(stored_study.record.id).digest
    assert sizes == [len(stored_study.scores.encode())]
    assert len(list(tmp_path.glob("*.npz"))) == 1
    assert len(list(tmp_path.glob("*.ref"))) == 2


def test_only_the_tables_asked_for_last_stay_in_memory(dataset: Dataset):
    service = ServiceAccess.to("http://127.0.0.1:1", None, None, 0, None, None, remote=True)
    table, pairs = build(dataset, make_trials(dataset, Design(), blocks=1), Design(), "s")
    service.keep("first", table)
    for number in range(MOST_PULLED - 1):
        service.keep(f"study {number}", table)
    service.keep("first", pairs)
    service.keep("first", table)
    assert len(service.pulled) == MOST_PULLED
    assert (table.kind, "study 0") not in service.pulled
    assert service.pulled[table.kind, "first"] is table
    assert service.pulled[pairs.kind, "first"] is pairs


def test_the_tables_used_least_recently_go_first(tmp_path: Path, dataset: Dataset):
    made = [build(dataset, make_trials(dataset, Design(), 1, seed), Design(), "a" * 16)[0] for seed in range(3)]
    cache = DownloadCache(tmp_path, max_bytes=2 * len(made[0].encode()) + 100)
    for age, table in zip((300, 200), made, strict=False):
        cache.keep(table, table.encode())
        os.utime(tmp_path / f"{table.digest}.npz", (time.time() - age, time.time() - age))
    assert cache.find(ScoreTable, made[0].digest) is not None  # used now
    cache.keep(made[2], made[2].encode())
    assert [cache.find(ScoreTable, table.digest) is not None for table in made] == [True, False, True]


def test_a_cache_that_cannot_be_written_does_without(
    connect: Connect, stored_study: StoredStudy, database: Database, tmp_path: Path
):
    (tmp_path / "file").write_text("no folder")
    client = connect(database=database, cache=tmp_path / "file")
    assert client.table("made-up").digest == stored_study.scores.digest


def test_a_damaged_cache_is_replaced(stored_study: StoredStudy, database: Database, tmp_path: Path):
    cache = tmp_path / "cache"
    with Client(http=in_process(database), cache=cache) as client:
        client.table("made-up")
    (kept,) = cache.glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:-200])
    http, statuses = counting(database)
    with Client(http=http, cache=cache) as another:
        assert another.table("made-up").digest == stored_study.scores.digest
    assert statuses == [200]


def test_an_answer_that_is_damaged_on_the_way_is_refused(stored_study: StoredStudy, tmp_path: Path):
    payload = bytearray(stored_study.scores.encode())
    payload[600] ^= 255
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=bytes(payload))))
    http.base_url = httpx.URL("http://memscore")
    with Client(http=http, cache=tmp_path / "cache") as client, pytest.raises(Damaged):
        client.table("made-up")
    assert not [*(tmp_path / "cache").glob("*.npz"), *(tmp_path / "cache").glob("*.part")]


def test_an_error_page_of_a_proxy_is_one_sentence():
    http = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(502, text="<html>")), base_url="http://x"
    )
    with Client(http=http) as client, pytest.raises(ServiceError, match="answered 502 Bad Gateway"):
        client.studies()


def test_tables_are_loaded_from_files(stored_study: StoredStudy, tmp_path: Path):
    path = tmp_path / "scores.npz"
    path.write_bytes(stored_study.scores.encode())
    assert load_table(str(path)).digest == stored_study.scores.digest
    with pytest.raises(InvalidInput, match="There is no table file"):
        load_table(str(tmp_path / "nothing.npz"))
    with pytest.raises(InvalidInput, match="#STUDY"):
        load_table("http://127.0.0.1:8000")


def test_only_plain_files_are_replaced(tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    for path in (Path("/dev/null"), tmp_path, link):
        with pytest.raises(InvalidInput, match="not a regular file"), atomic_write(path):
            pass
    with atomic_write(tmp_path / "file") as scratch:
        scratch.write_text("x")
    assert (tmp_path / "file").stat().st_mode & 0o400
    assert Path("/dev/null").is_char_device()


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "file"
    path.write_text("old")

    def write_half() -> None:
        with atomic_write(path) as scratch:
            scratch.write_text("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_suspects_are_those_of_the_table(client: Caller, margin_scores: ScoreTable):
    errors = label_errors(margin_scores)
    found = client.suspects("made-up", limit=3, offset=1)
    assert [one.index for one in found.scores] == errors.order[1:4].tolist()
    assert (found.suspected, found.matching) == (errors.suspected, len(errors.order))
    assert found.note == note_on(errors)
    label = found.scores[0].label
    of_class = client.suspects("made-up", label=label)
    assert {one.label for one in of_class.scores} == {label}
    with pytest.raises(NotFound, match="no class 77"):
        client.suspects("made-up", label=77)


def test_copies_are_those_of_the_engine(client: Caller, copied: Dataset):
    expected = near_duplicates(copied.x_train, copied.y_train, copied.x_test, copied.y_test, alike=0.98)
    found = client.duplicates("copied", alike=0.98)
    assert [(one.index, one.split, one.other) for one in found.copies] == [
        (one.index, one.split, one.other) for one in expected
    ]
    assert found.matching == len(expected) == 3
    assert client.duplicates("copied", alike=0.98, limit=1, offset=1).copies == found.copies[1:2]
    with pytest.raises(InvalidInput, match=r"alike must be at least 0\.98, not 0\.5"):
        client.duplicates("copied", alike=0.5)


def test_risks_and_margins_are_those_of_the_table(client: Caller, margin_scores: ScoreTable):
    found = client.risk("made-up", limit=3)
    assert [one.index for one in found.scores] == riskiest(margin_scores, 3).tolist()
    assert found.privacy is not None
    assert found.scores[0].margin_interval is not None
    columns = client.scores("made-up", [5, 2])
    np.testing.assert_array_equal(columns["mem_margin"], margin_scores["mem_margin"][[5, 2]])
