"""The client: every call, the cache, and errors that carry the service's sentence."""

from collections.abc import Generator
from pathlib import Path

import httpx
import numpy as np
import pytest

from api.in_process import in_process
from memscore.client import Client, atomic_write, load_table
from memscore.errors import Damaged, InvalidInput, JobFailed, ServiceError
from memscore.sets import Thresholds, split
from memscore.store import Database, jobs
from tests.conftest import QUICK, StoredStudy


@pytest.fixture
def client(database: Database) -> Generator[Client]:
    with Client(http=in_process(database)) as made:
        yield made


def test_everything_that_is_served_can_be_had(client: Client, stored_study: StoredStudy):
    assert client.study("made-up").table is not None
    assert client.studies().studies == [client.study("made-up")]
    assert client.datasets().datasets[0].name == "made-up"
    assert client.score("made-up", 3).mem == pytest.approx(float(stored_study.scores["mem"][3]))
    assert client.table("made-up").digest == stored_study.scores.digest
    assert client.pairs_table("made-up").digest == stored_study.pairs.digest
    assert len(client.pairs("made-up", limit=3).pairs) == 3
    assert client.sets("made-up").counts() == split(stored_study.scores, stored_study.pairs).counts()
    thresholds = Thresholds(atypical=0.3)
    assert client.set_indices("made-up", thresholds).thresholds["atypical"] == 0.3


def test_jobs_are_submitted_followed_and_cancelled(client: Client, stored_study: StoredStudy, database: Database):
    job = client.submit("made-up", QUICK, trials=45)
    assert job.target_trials == 50
    assert client.job(job.id).id == client.jobs("queued").jobs[0].id == job.id
    assert client.cancel(job.id).state == "cancelled"
    with pytest.raises(JobFailed, match="cancelled"):
        client.wait(job.id)
    again = client.submit("made-up", QUICK, trials=50)
    with database.writing() as connection:
        jobs.claim(connection, "host/1/0", 60)
        jobs.finish(connection, again.id, 1, "failed", "Block 3 failed: too hot")
    with pytest.raises(JobFailed, match="Block 3 failed: too hot"):
        client.wait(again.id)


def test_errors_carry_the_problem(client: Client, database: Database):
    with pytest.raises(ServiceError, match="There is no study 'nothing'") as error:
        client.table("nothing")
    assert error.value.problem["status"] == 404
    with pytest.raises(InvalidInput, match="not a name or an id"):
        client.study("../jobs")


def test_a_service_that_does_not_answer_is_named():
    with Client("http://127.0.0.1:1") as nobody, pytest.raises(ServiceError, match="memscore serve"):
        nobody.studies()
    with pytest.raises(InvalidInput, match="must begin with http"):
        Client("127.0.0.1:8000")


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
    assert statuses == [304]


def test_a_damaged_cache_is_replaced(stored_study: StoredStudy, database: Database, tmp_path: Path):
    cache = tmp_path / "cache"
    with Client(http=in_process(database), cache=cache) as client:
        client.table("made-up")
    (kept,) = cache.iterdir()
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
    assert not (tmp_path / "cache").exists()


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
        with pytest.raises(InvalidInput, match="not a plain file"), atomic_write(path):
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
